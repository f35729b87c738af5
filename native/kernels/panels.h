// The heart of every product: C tile = A panel x B panel, both packed so that the inner loop reads memory in order.
#pragma once
#include "target.h"

namespace tl::TL_SET {

// Chunks of the inner axis per pass: a B panel then stays near the first-level cache, or with vectors of 64 bytes, whose
// processors have larger second-level caches, well within that: each pass reads and writes C once more.
constexpr int64_t kPass = (TL_BYTES == 64 ? 122880 : 49152) / (kCells * kColumns * 4);

// Chunks of A that are on their way from memory meanwhile.
constexpr int64_t kAhead = 2;

// `rowStep` and `innerStep`: places between neighbours in a chunk of A.
template <int rowStep, int innerStep, int vectors>
inline void tile(const float *a, const float *b, int64_t chunks, const Target &t, int64_t rows, int64_t columns) {
  F sums[kRows][vectors];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; i++)
#pragma GCC unroll 4
    for (int j = 0; j < vectors; j++) sums[i][j] = F{};
  for (int64_t chunk = 0; chunk < chunks; chunk++, a += kCells * kRows, b += kCells * kColumns) {
    if (TL_BYTES == 64)
#pragma GCC unroll 16
      for (int line = 0; line < kRows; line++) __builtin_prefetch(a + (kAhead * kRows + line) * kCells);
#pragma GCC unroll 2
    for (int k = 0; k < kCells; k++) {
      F right[vectors];
#pragma GCC unroll 4
      for (int j = 0; j < vectors; j++) right[j] = load(b + k * kColumns + j * W);
#pragma GCC unroll 16
      for (int i = 0; i < kRows; i++) {
        const F left = splatCell(a[i * rowStep + k * innerStep]);
#pragma GCC unroll 4
        for (int j = 0; j < vectors; j++) sums[i][j] = multiplied(sums[i][j], left, right[j]);
      }
    }
  }
  if (rows == kRows && columns == vectors * W) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; i++)
#pragma GCC unroll 4
      for (int j = 0; j < vectors; j++) {
        float *to = t.c + i * t.row + j * W;
        F y = sums[i][j] * t.alpha;
        if (t.accumulate) y += load(to);
        if (t.bias) y += load(t.bias + j * W);
        if (t.add) y += load(t.add + i * t.addRow + j * W);
        store(to, y);
      }
    return;
  }
  float whole[kRows * vectors * W];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; i++)
#pragma GCC unroll 4
    for (int j = 0; j < vectors; j++) store(whole + (i * vectors + j) * W, sums[i][j] * t.alpha);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) {
      float y = whole[i * vectors * W + j];
      if (t.accumulate) y += t.c[i * t.row + j];
      if (t.bias) y += t.bias[j];
      if (t.add) y += t.add[i * t.addRow + j];
      t.c[i * t.row + j] = y;
    }
}

template <int rowStep, int innerStep>
inline void tileOf(const float *a, const float *b, int64_t chunks, const Target &t, int64_t rows, int64_t columns) {
  if (kVectors > 1 && columns <= W) tile<rowStep, innerStep, 1>(a, b, chunks, t, rows, columns);
  else tile<rowStep, innerStep, kVectors>(a, b, chunks, t, rows, columns);
}

// Packed A of `rows` rows times packed B of `columns` columns into C. `chunkStep`: chunks of a whole packed panel of
// A and B, of which `chunks` from the pointers on are multiplied. `across`: A's chunks are [16][kRows].
inline void multiply(const float *a, const float *b, int64_t rows, int64_t columns, int64_t chunks, int64_t chunksA,
                     int64_t chunksB, bool across, const Target &target) {
  const int64_t passes = most(1, ceilDiv(chunks, kPass)), pass = ceilDiv(chunks, passes);
  for (int64_t start = 0; start == 0 || start < chunks; start += most(1, pass)) {
    const int64_t n = least(pass, chunks - start);
    for (int64_t j = 0; j < columns; j += kColumns) {
      const float *right = b + (j * chunksB + start * kColumns) * kCells;
      for (int64_t i = 0; i < rows; i += kRows) {
        const float *left = a + (i * chunksA + start * kRows) * kCells;
        Target t = target.at(i, j);
        if (start > 0) {
          t.accumulate = true;
          t.bias = t.add = nullptr;
        }
        if (across) tileOf<1, kRows>(left, right, n, t, least(kRows, rows - i), least(kColumns, columns - j));
        else tileOf<kCells, 1>(left, right, n, t, least(kRows, rows - i), least(kColumns, columns - j));
      }
    }
  }
}

} // namespace tl::TL_SET
