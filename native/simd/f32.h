// Cells of one f32: what products multiply in sets of full precision. simd/bf16.h has the same functions.
#pragma once
#include "stored.h"

namespace tl::TL_SET {

// Elements of the inner axis in a cell.
constexpr int64_t kPer = 1;

// The cell of the first of n elements that are `step` apart.
template <class Elements> inline float cellOf(const Elements &e, int64_t at, int64_t, int64_t) { return e.one(at); }

// Cells of W neighbouring columns; `row` leads to the next element of the inner axis.
template <class Elements> inline F cellsAcross(const Elements &e, int64_t at, int64_t) { return e.along(at); }

// The first half of them.
template <class Elements> inline F cellsAcrossHalf(const Elements &e, int64_t at, int64_t) { return e.half(at); }

// W cells of a line.
template <class Elements> inline F cellsAlong(const Elements &e, int64_t at) { return e.along(at); }

inline F multiplied(F sum, F left, F right) { return sum + left * right; }

} // namespace tl::TL_SET
