// Products with a thin side, as gradients of low-rank factors are: C = alpha Sᵀ Y of thin S [k, m] and wide Y [k, n], whose
// rows are read as they lie, in f32 in every set: packing them would cost more than the arithmetic.
#pragma once
#include "product.h"

namespace tl::TL_SET::gemm {

// At most so many columns of S, few enough for sums of a stripe to stay in the first-level cache.
constexpr int64_t kThin = 64;
// Rows and columns of sums in registers: with the operands they fill them.
constexpr int kThinRows = TL_BYTES == 64 ? 8 : 4;
constexpr int kThinVectors = 3;
constexpr int64_t kStripe = 2 * kThinVectors * W;
// Rows of Y between two visits of the sums.
constexpr int64_t kLines = 32;

// sums [kThinRows, vectors] += Sᵀ Y over some lines. S's lines are `wide` apart.
template <int vectors>
inline void thinTile(float *sums, const float *s, int64_t wide, const float *y, int64_t row, int64_t lines) {
  F c[kThinRows][vectors];
#pragma GCC unroll 8
  for (int i = 0; i < kThinRows; i++)
#pragma GCC unroll 4
    for (int j = 0; j < vectors; j++) c[i][j] = load(sums + i * kStripe + j * W);
  for (int64_t k = 0; k < lines; k++, s += wide, y += row) {
    F right[vectors];
#pragma GCC unroll 4
    for (int j = 0; j < vectors; j++) right[j] = load(y + j * W);
#pragma GCC unroll 8
    for (int i = 0; i < kThinRows; i++) {
      const F left = splat(s[i]);
#pragma GCC unroll 4
      for (int j = 0; j < vectors; j++) c[i][j] += left * right[j];
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kThinRows; i++)
#pragma GCC unroll 4
    for (int j = 0; j < vectors; j++) store(sums + i * kStripe + j * W, c[i][j]);
}

// Columns [0, columns) of a stripe, any number.
inline void thinLines(float *sums, const float *s, int64_t wide, const float *y, int64_t row, int64_t lines,
                      int64_t columns) {
  int64_t j = 0;
  for (; j + kThinVectors * W <= columns; j += kThinVectors * W)
    for (int64_t i = 0; i < wide; i += kThinRows)
      thinTile<kThinVectors>(sums + i * kStripe + j, s + i, wide, y + j, row, lines);
  for (; j + W <= columns; j += W)
    for (int64_t i = 0; i < wide; i += kThinRows) thinTile<1>(sums + i * kStripe + j, s + i, wide, y + j, row, lines);
  for (; j < columns; j++)
    for (int64_t k = 0; k < lines; k++)
      for (int64_t i = 0; i < wide; i++) sums[i * kStripe + j] += s[k * wide + i] * y[k * row + j];
}

struct Thin {
  int64_t m, n, k;
  Matrix s, y;
  float alpha;
  float *c;
  int64_t cRow, cColumn;
};

inline void thin(Context &context, const Thin &p) {
  const int64_t wide = roundUp(p.m, kThinRows);
  float *s = context.shared<float>(static_cast<size_t>(wide * p.k));
  for (int64_t k = 0; k < p.k; k++)
    for (int64_t i = 0; i < wide; i++) s[k * wide + i] = i < p.m ? p.s.p[k * p.s.row + i * p.s.column] : 0;
  context.reserve(static_cast<size_t>(wide * kStripe) * 4);
  context.pool.run(ceilDiv(p.n, kStripe), [&](int64_t task, int thread) {
    const int64_t start = task * kStripe, columns = least(kStripe, p.n - start);
    float *sums = context.own<float>(thread);
    std::memset(sums, 0, static_cast<size_t>(wide * kStripe) * 4);
    for (int64_t k = 0; k < p.k; k += kLines)
      thinLines(sums, s + k * wide, wide, p.y.at(k, start).p, p.y.row, least(kLines, p.k - k), columns);
    for (int64_t i = 0; i < p.m; i++)
      for (int64_t j = 0; j < columns; j++)
        p.c[i * p.cRow + (start + j) * p.cColumn] = p.alpha * sums[i * kStripe + j];
  });
}

// Whether a product, or its transpose, is thin; if so it is computed.
inline bool thinProduct(Context &context, const Product &p) {
  const int64_t narrow = least(p.m, p.n), wide = most(p.m, p.n);
  if (narrow < 1 || narrow > kThin || wide < 2 * narrow || p.k < 2 * narrow || p.rank > 0) return false;
  if (p.b.form != Form::f32) return false;
  if (p.target.accumulate || p.target.bias || p.target.add) return false;
  const Target &t = p.target;
  if (p.m <= p.n && p.b.column == 1) thin(context, {p.m, p.n, p.k, p.a.transposed(), p.b, t.alpha, t.c, t.row, 1});
  else if (p.n < p.m && p.a.row == 1) thin(context, {p.n, p.m, p.k, p.b, p.a.transposed(), t.alpha, t.c, 1, t.row});
  else return false;
  return true;
}

} // namespace tl::TL_SET::gemm
