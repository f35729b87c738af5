// Matrix registers: eight tiles of 16 rows of 64 bytes. A tile's number is a literal, since it becomes part of an instruction.
// A set either has AMX, or defines TL_TILE_MODEL and computes the same numbers without it, for checks.
#pragma once
#include "vector.h"

#ifdef TL_TILE_MODEL

namespace tl::TL_SET {

struct Tile {
  uint32_t rows[16][16];
};
inline thread_local Tile tiles[8];

inline void openTiles() { std::memset(tiles, 0, sizeof tiles); }

inline void tileLoad(Tile &t, const void *from, int64_t stride) {
  for (int i = 0; i < 16; i++) std::memcpy(t.rows[i], static_cast<const uint8_t *>(from) + i * stride, 64);
}
inline void tileStore(const Tile &t, void *to, int64_t stride) {
  for (int i = 0; i < 16; i++) std::memcpy(static_cast<uint8_t *>(to) + i * stride, t.rows[i], 64);
}

// Subnormal numbers count as zero, in operands and results.
inline float flushed(float x) { return std::fabs(x) < 1.17549435e-38f ? std::copysign(0.0f, x) : x; }
inline float asFloat(uint32_t u) {
  float x;
  std::memcpy(&x, &u, 4);
  return x;
}

// As TDPBF16PS: first and second elements of pairs are added up apart, each step rounded once; then their sum, then it to C.
inline void tileMultiply(Tile &c, const Tile &a, const Tile &b) {
  for (int i = 0; i < 16; i++) {
    float sums[2][16] = {};
    for (int k = 0; k < 16; k++)
      for (int j = 0; j < 16; j++) {
        const uint32_t left = a.rows[i][k], right = b.rows[k][j];
        sums[0][j] = flushed(std::fma(flushed(asFloat(left << 16)), flushed(asFloat(right << 16)), sums[0][j]));
        sums[1][j] = flushed(std::fma(flushed(asFloat(left & 0xffff0000u)), flushed(asFloat(right & 0xffff0000u)), sums[1][j]));
      }
    for (int j = 0; j < 16; j++) {
      const float total = flushed(flushed(asFloat(c.rows[i][j])) + flushed(sums[0][j] + sums[1][j]));
      std::memcpy(&c.rows[i][j], &total, 4);
    }
  }
}

#define TL_TILE_ZERO(t) std::memset(&tiles[t], 0, sizeof tiles[t])
#define TL_TILE_LOAD(t, from, stride) tileLoad(tiles[t], from, stride)
#define TL_TILE_STREAM(t, from, stride) tileLoad(tiles[t], from, stride)
#define TL_TILE_STORE(t, to, stride) tileStore(tiles[t], to, stride)
#define TL_TILE_MULTIPLY(c, a, b) tileMultiply(tiles[c], tiles[a], tiles[b])

} // namespace tl::TL_SET

#else

#include <immintrin.h>

namespace tl::TL_SET {

// All eight tiles at their full size; a thread's own state.
inline void openTiles() {
  struct {
    uint8_t palette = 1, start = 0, reserved[14] = {};
    uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  } const configuration;
  _tile_loadconfig(&configuration);
}

#define TL_TILE_ZERO(t) _tile_zero(t)
#define TL_TILE_LOAD(t, from, stride) _tile_loadd(t, from, stride)
#define TL_TILE_STREAM(t, from, stride) _tile_stream_loadd(t, from, stride)
#define TL_TILE_STORE(t, to, stride) _tile_stored(t, to, stride)
#define TL_TILE_MULTIPLY(c, a, b) _tile_dpbf16ps(c, a, b)

} // namespace tl::TL_SET

#endif
