// Cells of one f32: what products multiply in sets of full precision. simd/bf16.h has the same functions.
#pragma once
#include "vector.h"

namespace tl::TL_SET {

// Elements of the inner axis in a cell.
constexpr int64_t kPer = 1;

// The cell of the first of n elements that are `step` apart.
inline float cellOf(const float *p, int64_t, int64_t, float factor) { return *p * factor; }

// Cells of W neighbouring columns; `row` leads to the next element of the inner axis.
inline F cellsAcross(const float *p, int64_t, float factor) { return load(p) * factor; }

// W cells of a line.
inline F cellsAlong(const float *p, float factor) { return load(p) * factor; }

inline F multiplied(F sum, F left, F right) { return sum + left * right; }

} // namespace tl::TL_SET
