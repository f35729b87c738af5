// Operands as the products' inner loop reads them: panels of cells. A cell is 32 bits: one f32, or in sets that multiply
// bf16 the two neighbours of the inner axis, rounded to bf16, the first in the low half.
//
// A is packed by panels of kRows rows, B by panels of kColumns columns; both go through the inner axis in chunks of 16
// cells, padded with zeros. Within a chunk A is either [kRows][16], a plain copy of rows whose inner axis is contiguous,
// or [16][kRows], a plain copy where the other axis is, unless the set wants the first always; B is [16][kColumns].
#pragma once
#ifdef TL_BF16
#include "../simd/bf16.h"
#else
#include "../simd/f32.h"
#endif

namespace tl::TL_SET {

constexpr int64_t kRows = TL_ROWS;
constexpr int kVectors = TL_VECTORS;
constexpr int64_t kColumns = kVectors * W;
constexpr int64_t kCells = 16;

constexpr int64_t kChunk = kCells * kPer;

// Whether chunks of A are [kRows][16] always.
#ifdef TL_TILES
constexpr bool kLines = true;
#else
constexpr bool kLines = false;
#endif

// A matrix within memory: element (i, j) at i * row + j * column from its start, which is `p` itself where it holds f32.
struct Matrix {
  const float *p;
  int64_t row, column;
  Form form = Form::f32;
  const float *scales = nullptr;
  int64_t start = 0;
  Matrix transposed() const { return {p, column, row, form, scales, start}; }
  Matrix moved(int64_t elements) const {
    if (form == Form::f32) return {p + elements, row, column};
    return {p, row, column, form, scales, start + elements};
  }
  Matrix at(int64_t i, int64_t j) const { return moved(i * row + j * column); }
};

// use(elements from the matrix's start on).
template <class Use> inline void elementsOf(const Matrix &m, Use use) {
  const auto *bytes = reinterpret_cast<const uint8_t *>(m.p);
  if (m.form == Form::f32) use(Floats{m.p});
  else if (m.form == Form::bf16) use(Halves{reinterpret_cast<const uint16_t *>(m.p) + m.start});
  else if (m.form == Form::int8) use(Bytes{bytes, m.scales, m.start});
  else use(Nibbles{bytes, m.scales, m.start});
}

// Where the matrix's start lies in memory.
inline const char *bytesAt(const Matrix &m) {
  const auto *bytes = reinterpret_cast<const char *>(m.p);
  if (m.form == Form::f32) return bytes;
  return bytes + (m.form == Form::bf16 ? 2 * m.start : m.form == Form::int8 ? m.start : m.start / 2);
}

inline int64_t chunksOf(int64_t inner) { return ceilDiv(inner, kChunk); }

// A cell in all lanes; no arithmetic may touch bits that are no f32.
inline F splatCell(float x) {
  int32_t u;
  std::memcpy(&u, &x, 4);
  return floats(splatI(u));
}

// Rows [0, rows) of `a`, which holds f32, rows <= kRows, as one panel of `inner` columns. `to` has chunks * 16 * kRows places.
inline void packRows(float *to, Matrix a, int64_t rows, int64_t inner, float factor = 1) {
  const int64_t chunks = chunksOf(inner);
  for (int64_t chunk = 0; chunk < chunks; chunk++, to += kCells * kRows) {
    const int64_t n = least(kChunk, inner - chunk * kChunk), used = ceilDiv(n, kPer);
    const Scaled e{a.p + chunk * kChunk * a.column, factor};
    if (rows < kRows || used < kCells) std::memset(to, 0, sizeof(float) * kCells * kRows);
    if (a.column == 1) {
      for (int64_t i = 0; i < rows; i++) {
        const int64_t from = i * a.row;
        if (n == kChunk)
          for (int64_t j = 0; j < kCells; j += W) store(to + i * kCells + j, cellsAlong(e, from + j * kPer));
        else
          for (int64_t j = 0; j < used; j++) to[i * kCells + j] = cellOf(e, from + j * kPer, 1, n - j * kPer);
      }
    } else if (kLines) {
      int64_t i = 0;
      if (a.row == 1 && n == kChunk)
        for (; i + W <= rows; i += W)
          for (int64_t j = 0; j < kCells; j += W) {
            F block[W];
            for (int k = 0; k < W; k++) block[k] = cellsAcross(e, (j + k) * kPer * a.column + i, a.column);
            transposeBlock(block);
            for (int k = 0; k < W; k++) store(to + (i + k) * kCells + j, block[k]);
          }
      for (; i < rows; i++)
        for (int64_t j = 0; j < used; j++)
          to[i * kCells + j] = cellOf(e, j * kPer * a.column + i * a.row, a.column, n - j * kPer);
    } else {
      for (int64_t j = 0; j < used; j++) {
        const int64_t from = j * kPer * a.column;
        int64_t i = 0;
        if (a.row == 1 && (j + 1) * kPer <= n) {
          for (; i + W <= rows; i += W) store(to + j * kRows + i, cellsAcross(e, from + i, a.column));
          for (; i + W / 2 <= rows && kRows < W; i += W / 2)
            storeHalf(to + j * kRows + i, cellsAcrossHalf(e, from + i, a.column));
        }
        for (; i < rows; i++) to[j * kRows + i] = cellOf(e, from + i * a.row, a.column, n - j * kPer);
      }
    }
  }
}

template <class Elements>
inline void packColumnsOf(float *to, const Elements &e, int64_t row, int64_t column, int64_t columns, int64_t inner) {
  const int64_t chunks = chunksOf(inner);
  for (int64_t chunk = 0; chunk < chunks; chunk++, to += kCells * kColumns) {
    const int64_t n = least(kChunk, inner - chunk * kChunk), used = ceilDiv(n, kPer);
    const int64_t from = chunk * kChunk * row;
    if (columns < kColumns || used < kCells) std::memset(to, 0, sizeof(float) * kCells * kColumns);
    if (column == 1) {
      for (int64_t i = 0; i < used; i++) {
        const int64_t line = from + i * kPer * row;
        int64_t j = 0;
        if ((i + 1) * kPer <= n)
          for (; j + W <= columns; j += W) store(to + i * kColumns + j, cellsAcross(e, line + j, row));
        for (; j < columns; j++) to[i * kColumns + j] = cellOf(e, line + j, row, n - i * kPer);
      }
    } else if (row == 1 && n == kChunk) {
      int64_t j = 0;
      for (; j + W <= columns; j += W)
        for (int64_t i = 0; i < kCells; i += W) {
          F block[W];
          for (int k = 0; k < W; k++) block[k] = cellsAlong(e, from + (j + k) * column + i * kPer);
          transposeBlock(block);
          for (int k = 0; k < W; k++) store(to + (i + k) * kColumns + j, block[k]);
        }
      for (; j < columns; j++)
        for (int64_t i = 0; i < kCells; i++) to[i * kColumns + j] = cellOf(e, from + j * column + i * kPer, 1, kPer);
    } else {
      for (int64_t j = 0; j < columns; j++)
        for (int64_t i = 0; i < used; i++)
          to[i * kColumns + j] = cellOf(e, from + i * kPer * row + j * column, row, n - i * kPer);
    }
  }
}

// Columns [0, columns) of `b`, columns <= kColumns, as one panel.
inline void packColumns(float *to, const Matrix &b, int64_t columns, int64_t inner) {
  elementsOf(b, [&](const auto &e) { packColumnsOf(to, e, b.row, b.column, columns, inner); });
}

// All rows of a matrix as panels of A.
inline void packPanels(float *to, Matrix a, int64_t rows, int64_t inner) {
  for (int64_t i = 0; i < rows; i += kRows)
    packRows(to + i * chunksOf(inner) * kCells, a.at(i, 0), least(kRows, rows - i), inner);
}

} // namespace tl::TL_SET
