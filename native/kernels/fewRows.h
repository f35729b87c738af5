// Few rows times a matrix whose inner axis is contiguous, as in generating token by token: W is read once, as it lies.
#pragma once
#include "lines.h"

namespace tl::TL_SET::gemm {

// More rows are better off with operands packed for all threads.
constexpr int64_t kFewRows = 40;

// More rows are better off with packed panels.
constexpr int64_t kLineRows = 8;

// Of few rows, codes of 8 bits are multiplied as they are; for more they are made cells once.
constexpr int64_t kCodeRows = 4;

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

template <int rows>
inline void lineTask(const Product &p, const Side &side, const Codes &codes, int64_t j, int64_t columns, float *own) {
  const Lines w = codes.p ? Lines{} : linesOf(p.b, j, columns, p.k, own);
  const Lines v = p.rank > 0 ? plainOf(p.v, j, columns, p.rank, own + W * side.cells.cells) : Lines{};
  for (int64_t i = 0; i < p.m; i += rows) {
    const Lines a = side.cells.from(i), plain = side.plain.from(i), u = side.u.from(i);
    F sums[rows * W] = {};
    for (int64_t c = 0; c < columns; c++) {
      if (p.rank > 0) addLine<rows, Plain>(sums + c, u, v.p + c * v.step);
      if (codes.p) addCodes<least(rows, kCodeRows)>(sums + c, plain, codes, j + c);
      else addLine<rows, Cells>(sums + c, a, w.p + c * w.step);
    }
    for (int64_t r = 0; r < least(rows, p.m - i); r++)
      finishColumns(p.target.at(i + r, j), addedLanes(sums + r * W), columns);
  }
}

// The rows of A as f32 for the low-rank term, and U as a product of them.
template <int rows> inline void makeLowRank(Context &context, const Product &p, const Side &side) {
  const auto part = [&](int64_t task, int thread) {
    lowRank<rows>(p, side.plain, task * W, least(W, p.rank - task * W), context.own<float>(thread));
  };
  const int64_t tasks = ceilDiv(p.rank, W);
  // What is small is done before another thread would be awake.
  if (p.m * p.k * p.rank < (int64_t(1) << 18)) for (int64_t task = 0; task < tasks; task++) part(task, 0);
  else context.pool.run(tasks, part);
}

// Products by lines, `rows` rows at once.
template <int rows> inline void byLines(Context &context, const Product &p) {
  const int64_t lines = roundUp(p.m, rows), cells = lineCells(p.k), step = roundUp(p.k, W), rankStep = roundUp(p.rank, W);
  const Codes codes = rows <= kCodeRows ? codesOf(p.b, p.k) : Codes{};
  const int64_t wide = p.rank > 0 || codes.p ? step : 0, narrow = codes.p ? 0 : cells;
  float *memory = context.shared<float>(static_cast<size_t>(lines * (narrow + wide + rankStep)));
  context.reserve(static_cast<size_t>(W * (most(cells, step) + rankStep)) * 4);
  float *plain = memory + lines * narrow, *u = plain + lines * wide;
  const Side side{{memory, narrow, narrow}, {plain, wide, wide}, {u, rankStep, rankStep}};
  // Rows that are missing are zero.
  std::memset(memory, 0, static_cast<size_t>(lines * (narrow + wide + rankStep)) * 4);
  for (int64_t i = 0; i < p.m; i++) {
    const Matrix row = p.a.at(i, 0);
    if (narrow) packLine(memory + i * cells, row, p.k);
    if (wide) std::memcpy(plain + i * step, row.p, static_cast<size_t>(p.k) * 4);
  }
  if (p.rank > 0) {
    makeLowRank<rows>(context, p, side);
    const float factor = p.scale / p.target.alpha;
    for (int64_t i = 0; i < p.m; i++)
      for (int64_t c = 0; c < p.rank; c++) u[i * rankStep + c] = p.u[i * p.rank + c] * factor;
  }
  const int64_t block = columnsOfTask(context, p.n, W);
  context.pool.run(ceilDiv(p.n, block), [&](int64_t task, int thread) {
    for (int64_t j = task * block; j < least(p.n, (task + 1) * block); j += W)
      lineTask<rows>(p, side, codes, j, least(W, p.n - j), context.own<float>(thread));
  });
}

// Products by panels: each task packs some columns of W for itself and goes through all rows with them.
inline void byPanels(Context &context, const Product &p) {
  const int64_t main = chunksOf(p.k), chunks = main + chunksOf(p.rank), panels = ceilDiv(p.m, kRows);
  const int64_t sizeA = chunks * kCells * kRows, sizeB = chunks * kCells * kColumns, step = roundUp(p.k, W);
  const int64_t lines = roundUp(p.m, 8), wide = p.rank > 0 ? lines * step : 0;
  float *memory = context.shared<float>(static_cast<size_t>(panels * sizeA + wide));
  context.reserve(static_cast<size_t>(most(sizeB, W * step)) * 4);
  if (p.rank > 0) {
    float *plain = memory + panels * sizeA;
    std::memset(plain, 0, static_cast<size_t>(wide) * 4);
    for (int64_t i = 0; i < p.m; i++) std::memcpy(plain + i * step, p.a.at(i, 0).p, static_cast<size_t>(p.k) * 4);
    makeLowRank<8>(context, p, {{}, {plain, step, step}, {}});
  }
  context.pool.run(panels, [&](int64_t panel, int) {
    float *a = memory + panel * sizeA;
    const int64_t i = panel * kRows, rows = least(kRows, p.m - i);
    packRows(a, p.a.at(i, 0), rows, p.k);
    if (p.rank > 0)
      packRows(a + main * kCells * kRows, {p.u + i * p.rank, p.rank, 1}, rows, p.rank, p.scale / p.target.alpha);
  });
  const int64_t block = columnsOfTask(context, p.n, kColumns);
  context.pool.run(ceilDiv(p.n, block), [&](int64_t task, int thread) {
    float *b = context.own<float>(thread);
    for (int64_t j = task * block; j < least(p.n, (task + 1) * block); j += kColumns) {
      const int64_t columns = least(kColumns, p.n - j);
      packColumns(b, p.b.at(0, j), columns, p.k);
      if (p.rank > 0) packColumns(b + main * kCells * kColumns, p.v.at(0, j), columns, p.rank);
      multiply(memory, b, p.m, columns, chunks, chunks, chunks, false, p.target.at(0, j));
    }
  });
}

inline void fewRows(Context &context, const Product &p) {
  if (p.m > kLineRows) byPanels(context, p);
  else if (p.m > 4) byLines<8>(context, p);
  else if (p.m > 2) byLines<4>(context, p);
  else if (p.m > 1) byLines<2>(context, p);
  else byLines<1>(context, p);
}

inline bool isFewRows(const Product &p) {
  return p.m <= kFewRows && p.k > 0 && p.a.column == 1 && p.b.row == 1 &&
         (p.rank == 0 || (p.v.row == 1 && p.down.row == 1));
}

} // namespace tl::TL_SET::gemm
