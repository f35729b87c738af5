// Cells of two bf16: how f32 are rounded into them and multiplied. A set that multiplies bf16 by instructions of its own
// defines TL_BF16_OWN and gives `cells`, `cellsInLine` and `multiplied` itself; the others compute the same numbers by f32.
#pragma once
#include "stored.h"

namespace tl::TL_SET {

// To the nearest bf16, ties to even, as the upper half of 32 bits; NaN stays NaN.
inline uint32_t roundedUpper(float x) {
  uint32_t u;
  std::memcpy(&u, &x, 4);
  if (x != x) return (u | 0x400000) & 0xffff0000u;
  return (u + 0x7fff + ((u >> 16) & 1)) & 0xffff0000u;
}

inline float cell(float low, float high) {
  const uint32_t u = roundedUpper(low) >> 16 | roundedUpper(high);
  float packed;
  std::memcpy(&packed, &u, 4);
  return packed;
}

#ifndef TL_BF16_OWN

typedef uint32_t U __attribute__((vector_size(TL_BYTES)));

inline U roundedUpper(F x) {
  const U u = reinterpret_cast<U>(x);
  const U rounded = u + 0x7fff + ((u >> 16) & 1);
  return reinterpret_cast<U>(pick(x != x, floats(reinterpret_cast<I>(u | 0x400000)), floats(reinterpret_cast<I>(rounded)))) &
         0xffff0000u;
}

// Cells of `low` and `high` lane by lane.
inline F cells(F low, F high) { return reinterpret_cast<F>(roundedUpper(low) >> 16 | roundedUpper(high)); }

template <int odd, int... L> inline F everyOther(F a, F b, std::integer_sequence<int, L...>) {
  return TL_SHUFFLE(a, b, (2 * L + odd)...);
}
// Cells of 2 W elements in a line.
inline F cellsInLine(F first, F second) {
  using Lanes = std::make_integer_sequence<int, W>;
  return cells(everyOther<0>(first, second, Lanes{}), everyOther<1>(first, second, Lanes{}));
}

inline F multiplied(F sum, F left, F right) {
  const U a = reinterpret_cast<U>(left), b = reinterpret_cast<U>(right);
  sum += reinterpret_cast<F>(a << 16) * reinterpret_cast<F>(b << 16);
  return sum + reinterpret_cast<F>(a & 0xffff0000u) * reinterpret_cast<F>(b & 0xffff0000u);
}

#endif

// As in simd/f32.h.
constexpr int64_t kPer = 2;
template <class Elements> inline float cellOf(const Elements &e, int64_t at, int64_t step, int64_t n) {
  return cell(e.one(at), n > 1 ? e.one(at + step) : 0.0f);
}
template <class Elements> inline F cellsAcross(const Elements &e, int64_t at, int64_t row) {
  return cells(e.along(at), e.along(at + row));
}
template <class Elements> inline F cellsAcrossHalf(const Elements &e, int64_t at, int64_t row) {
  return cells(e.half(at), e.half(at + row));
}
template <class Elements> inline F cellsAlong(const Elements &e, int64_t at) {
  return cellsInLine(e.along(at), e.along(at + W));
}

// What is bf16 already is only put side by side.
inline F cellsAcross(const Halves &e, int64_t at, int64_t row) { return floats(e.lower(at) | e.lower(at + row) << 16); }
inline F cellsAlong(const Halves &e, int64_t at) {
  F cells;
  std::memcpy(&cells, e.p + at, sizeof cells);
  return cells;
}

} // namespace tl::TL_SET
