// Elements as memory holds them, read as f32.
#pragma once
#include "vector.h"
#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace tl::TL_SET {

struct Floats {
  const float *p;
  F along(int64_t i) const { return load(p + i); }
  float one(int64_t i) const { return p[i]; }
};

struct Scaled {
  const float *p;
  float factor;
  F along(int64_t i) const { return load(p + i) * factor; }
  F half(int64_t i) const { return loadHalf(p + i) * factor; }
  float one(int64_t i) const { return p[i] * factor; }
};

// bf16: the upper halves of f32.
struct Halves {
  const uint16_t *p;
  // W of them, each in the lower half of a lane.
  I lower(int64_t i) const {
    typedef uint16_t Lanes __attribute__((vector_size(TL_BYTES / 2)));
    Lanes lanes;
    std::memcpy(&lanes, p + i, sizeof lanes);
    return __builtin_convertvector(lanes, I);
  }
  F along(int64_t i) const { return floats(lower(i) << 16); }
  float one(int64_t i) const {
    const uint32_t u = uint32_t(p[i]) << 16;
    float x;
    std::memcpy(&x, &u, 4);
    return x;
  }
};

// Elements in a block of codes.
constexpr uint64_t kBlockElements = 32;

// W bytes, each in a lane.
inline I lanesOf(const uint8_t *p) {
#if defined(__AVX512F__) && TL_BYTES == 64
  return reinterpret_cast<I>(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i *>(p))));
#elif defined(__AVX2__) && TL_BYTES == 32
  return reinterpret_cast<I>(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i *>(p))));
#else
  // In two steps: compilers take one apart.
  typedef uint8_t Lanes __attribute__((vector_size(W)));
  typedef uint16_t Wider __attribute__((vector_size(2 * W)));
  Lanes lanes;
  std::memcpy(&lanes, p, sizeof lanes);
  return __builtin_convertvector(__builtin_convertvector(lanes, Wider), I);
#endif
}

// The same less 128.
inline I signedLanesOf(const uint8_t *p) {
#if defined(__AVX512F__) && TL_BYTES == 64
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i *>(p));
  return reinterpret_cast<I>(_mm512_cvtepi8_epi32(_mm_xor_si128(bytes, _mm_set1_epi8(-128))));
#else
  return lanesOf(p) - 128;
#endif
}

// d (q - 128), a byte each, from element `start` on.
struct Bytes {
  const uint8_t *p;
  const float *scales;
  int64_t start;
  F along(int64_t i) const {
    const uint64_t k = static_cast<uint64_t>(start + i);
    F x;
    if (k % kBlockElements + W > kBlockElements) {
      for (int l = 0; l < W; l++) x[l] = one(i + l);
      return x;
    }
    x = __builtin_convertvector(signedLanesOf(p + k), F);
    return x * scales[k / kBlockElements];
  }
  float one(int64_t i) const {
    const uint64_t k = static_cast<uint64_t>(start + i);
    return scales[k / kBlockElements] * static_cast<float>(p[k] - 128);
  }
};

// d (q - 128) of one block.
struct Block {
  const uint8_t *p;
  float scale;
  F along(int64_t i) const { return __builtin_convertvector(signedLanesOf(p + i), F) * scale; }
};

// d (q - 8), the first half of a block in the low halves of its 16 bytes, from element `start` on.
struct Nibbles {
  const uint8_t *p;
  const float *scales;
  int64_t start;
  F along(int64_t i) const {
    const uint64_t k = static_cast<uint64_t>(start + i), half = kBlockElements / 2;
    F x;
    if (k % half + W > half) {
      for (int l = 0; l < W; l++) x[l] = one(i + l);
      return x;
    }
    const I codes = lanesOf(p + k / kBlockElements * half + k % half) >> (k % kBlockElements < half ? 0 : 4);
    x = __builtin_convertvector((codes & 15) - 8, F);
    return x * scales[k / kBlockElements];
  }
  float one(int64_t i) const {
    const uint64_t k = static_cast<uint64_t>(start + i), half = kBlockElements / 2;
    const int code = p[k / kBlockElements * half + k % half] >> (k % kBlockElements < half ? 0 : 4);
    return scales[k / kBlockElements] * static_cast<float>((code & 15) - 8);
  }
};

} // namespace tl::TL_SET
