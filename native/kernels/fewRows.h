// Few rows times a matrix whose inner axis is contiguous, as in generating token by token: W is read once, as it lies.
#pragma once
#include "lines.h"

namespace tl::TL_SET::gemm {

// More rows are better off with packed panels.
constexpr int64_t kFewRows = 40;

// So many rows are all read beside each line; codes of 8 bits are then multiplied as they are. More go by blocks of lines and rows,
// whose sums of both are in registers.
constexpr int64_t kLineRows = 2;

// Columns of a task, whole vectors: a stretch of memory that is worth a stream, and for every thread some.
inline int64_t columnsOfTask(const Context &context, int64_t n, int64_t multiple) {
  return most(multiple, roundUp(ceilDiv(n, 8 * context.pool.threads()), multiple));
}

// C, with all that is asked for, of finished sums in columns [0, columns) of a vector.
inline void finishColumns(const Target &t, F sum, int64_t columns) {
  if (columns == W) {
    F y = sum * t.alpha;
    if (t.accumulate) y += load(t.c);
    if (t.bias) y += load(t.bias);
    if (t.add) y += load(t.add);
    return store(t.c, y);
  }
  for (int64_t c = 0; c < columns; c++) {
    float y = sum[c] * t.alpha;
    if (t.accumulate) y += t.c[c];
    if (t.bias) y += t.bias[c];
    if (t.add) y += t.add[c];
    t.c[c] = y;
  }
}

// U = A D for columns [j, j + columns) of D, at most W.
template <int rows> inline void lowRank(const Product &p, const Lines &a, int64_t j, int64_t columns, float *memory) {
  const Lines down = plainOf(p.down, j, columns, p.k, memory);
  for (int64_t i = 0; i < p.m; i += rows) {
    F sums[rows * W] = {};
    for (int64_t c = 0; c < columns; c++) addLine<rows, Plain>(sums + c, a.from(i), down.p + c * down.step);
    for (int64_t r = 0; r < least(rows, p.m - i); r++)
      storeSome(p.u + (i + r) * p.rank + j, addedLanes(sums + r * W), columns);
  }
}

// What the tasks of a product share: rows of A as cells, as f32 where those are wanted, and rows of U times s / alpha.
struct Side {
  Lines cells, plain, u;
};

// The low-rank term of rows [i, i + rows) and the columns of V: sums[r * W + c], which are zero where there is none.
template <int rows> inline void lowRankSums(F *sums, const Side &side, const Lines &v, int64_t i, int64_t columns) {
  for (int64_t k = 0; k < v.cells; k += W) {
    F left[rows];
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) left[r] = load(side.u.from(i + r).p + k);
    for (int64_t c = 0; c < columns; c++) {
      const F right = load(v.p + c * v.step + k);
#pragma GCC unroll 4
      for (int r = 0; r < rows; r++) sums[r * W + c] = k == 0 ? left[r] * right : sums[r * W + c] + left[r] * right;
    }
  }
  if (v.cells == 0) columns = 0;
#pragma GCC unroll 4
  for (int r = 0; r < rows; r++)
    for (int64_t c = columns; c < W; c++) sums[r * W + c] = F{};
}

template <int rows> inline void finishRows(const Product &p, F *sums, int64_t i, int64_t j, int64_t columns) {
  for (int64_t r = 0; r < least(rows, p.m - i); r++)
    finishColumns(p.target.at(i + r, j), addedLanes(sums + r * W), columns);
}

// Columns [j, j + columns), at most W, of a product whose rows are all read beside each line.
template <int rows>
inline void lineTask(const Product &p, const Side &side, const Codes &codes, int64_t j, int64_t columns, float *own) {
  const Lines w = codes.p ? Lines{} : linesOf(p.b, j, columns, p.k, own);
  const Lines v = p.rank > 0 ? plainOf(p.v, j, columns, p.rank, own + W * side.cells.cells) : Lines{};
  F sums[rows * W];
  lowRankSums<rows>(sums, side, v, 0, columns);
  for (int64_t c = 0; c < columns; c++)
    if (codes.p) addCodes<rows>(sums + c, side.plain, codes, j + c);
    else addLine<rows, Cells>(sums + c, side.cells, w.p + c * w.step);
  finishRows<rows>(p, sums, 0, j, columns);
}

// The same of more rows, by blocks.
inline void blockTask(const Product &p, const Side &side, int64_t j, int64_t columns, float *own) {
  Lines w = linesOf(p.b, j, columns, p.k, own);
  if (columns < W && w.p != own) {
    for (int64_t c = 0; c < columns; c++) std::memcpy(own + c * w.cells, w.p + c * w.step, static_cast<size_t>(w.cells) * 4);
    w = {own, w.cells, w.cells};
  }
  if (columns < W) std::memset(own + columns * w.cells, 0, static_cast<size_t>((W - columns) * w.cells) * 4);
  const Lines v = p.rank > 0 ? plainOf(p.v, j, columns, p.rank, own + W * side.cells.cells) : Lines{};
  const int64_t turns = ceilDiv(p.m, kBlockRows) * (W / kBlockLines) * (w.cells / W);
  const char *next = bytesAt(p.b.at(0, j + W)), *stop = bytesAt(p.b.at(0, j + 2 * W));
  Ahead ahead{next, stop, roundUp(ceilDiv(stop - next, turns), 64)};
  for (int64_t i = 0; i < p.m; i += kBlockRows) {
    F sums[kBlockRows * W];
    lowRankSums<kBlockRows>(sums, side, v, i, columns);
    for (int64_t c = 0; c < W; c += kBlockLines) addBlock(sums + c, side.cells.from(i), w.from(c), ahead);
    finishRows<kBlockRows>(p, sums, i, j, columns);
  }
}

// U by all rows as f32, `rows` at once.
template <int rows> inline void makeLowRank(Context &context, const Product &p, const Lines &plain) {
  const auto part = [&](int64_t task, int thread) {
    lowRank<rows>(p, plain, task * W, least(W, p.rank - task * W), context.own<float>(thread));
  };
  const int64_t tasks = ceilDiv(p.rank, W);
  // What is small is done before another thread would be awake.
  if (p.m * p.k * p.rank < (int64_t(1) << 18)) for (int64_t task = 0; task < tasks; task++) part(task, 0);
  else context.pool.run(tasks, part);
}

// `rows` at once: all there are, or a block's.
template <int rows> inline void fewRowsOf(Context &context, const Product &p) {
  const int64_t lines = roundUp(p.m, rows), cells = lineCells(p.k), step = roundUp(p.k, W), rankStep = roundUp(p.rank, W);
  const bool blocks = p.m > kLineRows;
  const Codes codes = blocks ? Codes{} : codesOf(p.b, p.k);
  const int64_t wide = p.rank > 0 || codes.p ? step : 0, narrow = codes.p ? 0 : cells;
  const int64_t floats = lines * (narrow + wide + rankStep);
  float *memory = context.shared<float>(static_cast<size_t>(floats));
  context.reserve(static_cast<size_t>(W * (most(cells, step) + rankStep)) * 4);
  float *plain = memory + lines * narrow, *u = plain + lines * wide;
  const Side side{{memory, narrow, narrow}, {plain, wide, wide}, {u, rankStep, rankStep}};
  // Rows that are missing are zero.
  std::memset(memory, 0, static_cast<size_t>(floats) * 4);
  for (int64_t i = 0; i < p.m; i++) {
    const Matrix row = p.a.at(i, 0);
    if (narrow) packLine(memory + i * cells, row, p.k);
    if (wide) std::memcpy(plain + i * step, row.p, static_cast<size_t>(p.k) * 4);
  }
  if (p.rank > 0) {
    makeLowRank<rows>(context, p, side.plain);
    const float factor = p.scale / p.target.alpha;
    for (int64_t i = 0; i < p.m; i++)
      for (int64_t c = 0; c < p.rank; c++) u[i * rankStep + c] = p.u[i * p.rank + c] * factor;
  }
  const int64_t block = columnsOfTask(context, p.n, W);
  context.pool.run(ceilDiv(p.n, block), [&](int64_t task, int thread) {
    float *own = context.own<float>(thread);
    for (int64_t j = task * block; j < least(p.n, (task + 1) * block); j += W)
      if (blocks) blockTask(p, side, j, least(W, p.n - j), own);
      else lineTask<rows>(p, side, codes, j, least(W, p.n - j), own);
  });
}

inline void fewRows(Context &context, const Product &p) {
  if (p.m == 1) fewRowsOf<1>(context, p);
  else if (p.m == 2) fewRowsOf<2>(context, p);
  else fewRowsOf<4>(context, p);
}

inline bool isFewRows(const Product &p) {
  return p.m <= kFewRows && p.k > 0 && p.a.column == 1 && p.b.row == 1 &&
         (p.rank == 0 || (p.v.row == 1 && p.down.row == 1));
}

} // namespace tl::TL_SET::gemm
