// Vectors of one instruction set, by the compiler's vector types. The set's file defines TL_SET (its namespace) and
// TL_BYTES (a vector's size) before it includes this.
#pragma once
#include "../kernel.h"
#include <cmath>
#include <cstring>
#include <utility>

namespace tl::TL_SET {

constexpr int W = TL_BYTES / 4;

typedef float F __attribute__((vector_size(TL_BYTES)));
typedef int32_t I __attribute__((vector_size(TL_BYTES)));
typedef float LooseF __attribute__((vector_size(TL_BYTES), aligned(4), may_alias));
typedef int32_t LooseI __attribute__((vector_size(TL_BYTES), aligned(4), may_alias));

inline F load(const float *p) { return *reinterpret_cast<const LooseF *>(p); }
inline void store(float *p, F v) { *reinterpret_cast<LooseF *>(p) = v; }
inline I loadI(const int32_t *p) { return *reinterpret_cast<const LooseI *>(p); }
inline void storeI(int32_t *p, I v) { *reinterpret_cast<LooseI *>(p) = v; }
// Minus zero, unlike plus, is nothing to the compiler: -0 stays as it is.
inline F splat(float x) { return x - F{}; }
inline I splatI(int32_t x) { return I{} + x; }
inline I bits(F v) { return reinterpret_cast<I>(v); }
inline F floats(I v) { return reinterpret_cast<F>(v); }
inline F pick(I mask, F a, F b) { return mask ? a : b; }
// The second operand where either is NaN.
inline F larger(F a, F b) { return a > b ? a : b; }
inline F smaller(F a, F b) { return a < b ? a : b; }

// The first n lanes, n < W; the others are zero.
inline F loadPart(const float *p, int64_t n) {
  float lanes[W] = {};
  std::memcpy(lanes, p, static_cast<size_t>(n) * 4);
  return load(lanes);
}
inline void storePart(float *p, F v, int64_t n) {
  float lanes[W];
  store(lanes, v);
  std::memcpy(p, lanes, static_cast<size_t>(n) * 4);
}

// All lanes or the first n.
inline void storeSome(float *p, F v, int64_t n) {
  if (n == W) store(p, v);
  else storePart(p, v, n);
}

// The first half of the lanes; the others are zero.
inline F loadHalf(const float *p) {
#if TL_BYTES == 64
  return _mm512_zextps256_ps512(_mm256_loadu_ps(p));
#else
  return loadPart(p, W / 2);
#endif
}
inline void storeHalf(float *p, F v) {
#if TL_BYTES == 64
  _mm256_storeu_ps(p, _mm512_castps512_ps256(v));
#else
  storePart(p, v, W / 2);
#endif
}

// Lanes added in a fixed tree.
inline float sumOf(F v) {
  float lanes[W];
  store(lanes, v);
  for (int half = W / 2; half > 0; half /= 2)
    for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];
  return lanes[0];
}
inline float largestOf(F v) {
  float best = v[0];
  for (int i = 1; i < W; i++) best = v[i] > best || std::isnan(v[i]) ? v[i] : best;
  return best;
}

#if !defined(__clang__) && __GNUC__ < 12
#define TL_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, I{__VA_ARGS__})
#else
#define TL_SHUFFLE __builtin_shufflevector
#endif

template <int S, int... L> inline F exchangeLow(F a, F b, std::integer_sequence<int, L...>) {
  return TL_SHUFFLE(a, b, ((L & S) ? W + L - S : L)...);
}
template <int S, int... L> inline F exchangeHigh(F a, F b, std::integer_sequence<int, L...>) {
  return TL_SHUFFLE(a, b, ((L & S) ? W + L : L + S)...);
}
template <int S> inline void exchange(F *rows) {
  using Lanes = std::make_integer_sequence<int, W>;
  for (int i = 0; i < W; i++) {
    if (i & S) continue;
    F a = rows[i], b = rows[i + S];
    rows[i] = exchangeLow<S>(a, b, Lanes{});
    rows[i + S] = exchangeHigh<S>(a, b, Lanes{});
  }
}
// A W by W block with rows and columns exchanged.
inline void transposeBlock(F *rows) {
  exchange<1>(rows);
  exchange<2>(rows);
  if constexpr (W > 4) exchange<4>(rows);
  if constexpr (W > 8) exchange<8>(rows);
}

constexpr int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
constexpr int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
constexpr int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t roundUp(int64_t a, int64_t b) { return ceilDiv(a, b) * b; }

} // namespace tl::TL_SET
