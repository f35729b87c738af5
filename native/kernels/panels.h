// The heart of every product: C tile = A panel x B panel, both packed so that the inner loop reads memory in order.
//
// A is packed by panels of kRows rows, B by panels of kColumns columns; both go through the inner axis in chunks of 16,
// padded with zeros. Within a chunk A is either [kRows][16], a plain copy of rows whose inner axis is contiguous, or
// [16][kRows], a plain copy where the other axis is; B is [16][kColumns].
#pragma once
#include "../simd/vector.h"

namespace tl::TL_SET {

constexpr int64_t kChunk = 16;
constexpr int64_t kRows = TL_ROWS;
constexpr int kVectors = TL_VECTORS;
constexpr int64_t kColumns = kVectors * W;
// Chunks of the inner axis per pass: a B panel then stays in the first-level cache.
constexpr int64_t kPass = 20;

// A matrix within memory: element (i, j) at p[i * row + j * column].
struct Matrix {
  const float *p;
  int64_t row, column;
  Matrix transposed() const { return {p, column, row}; }
  Matrix at(int64_t i, int64_t j) const { return {p + i * row + j * column, row, column}; }
};

inline int64_t chunksOf(int64_t inner) { return ceilDiv(inner, kChunk); }

// Rows [0, rows) of `a`, rows <= kRows, as one panel of `inner` columns. `to` has chunks * 16 * kRows places.
inline void packRows(float *to, Matrix a, int64_t rows, int64_t inner, float factor = 1) {
  const int64_t chunks = chunksOf(inner);
  for (int64_t chunk = 0; chunk < chunks; chunk++, to += kChunk * kRows) {
    const int64_t n = least(kChunk, inner - chunk * kChunk);
    const Matrix part = a.at(0, chunk * kChunk);
    if (rows < kRows || n < kChunk) std::memset(to, 0, sizeof(float) * kChunk * kRows);
    if (a.column == 1) {
      for (int64_t i = 0; i < rows; i++) {
        const float *from = part.p + i * part.row;
        if (n == kChunk)
          for (int64_t j = 0; j < kChunk; j += W) store(to + i * kChunk + j, load(from + j) * factor);
        else
          for (int64_t j = 0; j < n; j++) to[i * kChunk + j] = from[j] * factor;
      }
    } else {
      for (int64_t j = 0; j < n; j++) {
        const float *from = part.p + j * part.column;
        for (int64_t i = 0; i < rows; i++) to[j * kRows + i] = from[i * part.row] * factor;
      }
    }
  }
}

// Columns [0, columns) of `b`, columns <= kColumns, as one panel.
inline void packColumns(float *to, Matrix b, int64_t columns, int64_t inner) {
  const int64_t chunks = chunksOf(inner);
  for (int64_t chunk = 0; chunk < chunks; chunk++, to += kChunk * kColumns) {
    const int64_t n = least(kChunk, inner - chunk * kChunk);
    const Matrix part = b.at(chunk * kChunk, 0);
    if (columns < kColumns || n < kChunk) std::memset(to, 0, sizeof(float) * kChunk * kColumns);
    if (b.column == 1) {
      for (int64_t i = 0; i < n; i++) std::memcpy(to + i * kColumns, part.p + i * part.row, static_cast<size_t>(columns) * 4);
    } else if (b.row == 1 && columns == kColumns && n == kChunk) {
      for (int64_t j = 0; j < kColumns; j += W)
        for (int64_t i = 0; i < kChunk; i += W) {
          F block[W];
          for (int k = 0; k < W; k++) block[k] = load(part.p + (j + k) * part.column + i);
          transposeBlock(block);
          for (int k = 0; k < W; k++) store(to + (i + k) * kColumns + j, block[k]);
        }
    } else {
      for (int64_t j = 0; j < columns; j++)
        for (int64_t i = 0; i < n; i++) to[i * kColumns + j] = part.p[i * part.row + j * part.column];
    }
  }
}

// What happens to a finished product P: C = [C +] alpha P [+ bias] [+ add].
struct Target {
  float *c;
  int64_t row;
  float alpha = 1;
  bool accumulate = false;
  const float *bias = nullptr;
  const float *add = nullptr;
  int64_t addRow = 0;
  Target at(int64_t i, int64_t j) const {
    Target t = *this;
    t.c += i * row + j;
    if (bias) t.bias += j;
    if (add) t.add += i * addRow + j;
    return t;
  }
};

// `rowStep` and `innerStep`: places between neighbours in a chunk of A.
template <int rowStep, int innerStep, int vectors>
inline void tile(const float *a, const float *b, int64_t chunks, const Target &t, int64_t rows, int64_t columns) {
  F sums[kRows][vectors];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; i++)
#pragma GCC unroll 4
    for (int j = 0; j < vectors; j++) sums[i][j] = F{};
  for (int64_t chunk = 0; chunk < chunks; chunk++, a += kChunk * kRows, b += kChunk * kColumns) {
#pragma GCC unroll 2
    for (int k = 0; k < kChunk; k++) {
      F right[vectors];
#pragma GCC unroll 4
      for (int j = 0; j < vectors; j++) right[j] = load(b + k * kColumns + j * W);
#pragma GCC unroll 16
      for (int i = 0; i < kRows; i++) {
        const F left = splat(a[i * rowStep + k * innerStep]);
#pragma GCC unroll 4
        for (int j = 0; j < vectors; j++) sums[i][j] += left * right[j];
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
      const float *right = b + (j * chunksB + start * kColumns) * kChunk;
      for (int64_t i = 0; i < rows; i += kRows) {
        const float *left = a + (i * chunksA + start * kRows) * kChunk;
        Target t = target.at(i, j);
        if (start > 0) {
          t.accumulate = true;
          t.bias = t.add = nullptr;
        }
        if (across) tileOf<1, kRows>(left, right, n, t, least(kRows, rows - i), least(kColumns, columns - j));
        else tileOf<kChunk, 1>(left, right, n, t, least(kRows, rows - i), least(kColumns, columns - j));
      }
    }
  }
}

} // namespace tl::TL_SET
