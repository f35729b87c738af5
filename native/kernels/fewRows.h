// Few rows times a matrix whose inner axis is contiguous, as in generating token by token: W is read once, as it lies.
#pragma once
#include "product.h"

namespace tl::TL_SET::gemm {

// More rows are better off with packed panels.
constexpr int64_t kFewRows = 40;

// Dot products at once: with two operands they fill the registers.
#if TL_BYTES == 64 || defined(__aarch64__)
constexpr int kDots = 16;
#else
constexpr int kDots = 8;
#endif

// Cells of a line: whole vectors.
inline int64_t lineCells(int64_t inner) { return roundUp(ceilDiv(inner, kPer), W); }

// A line of `inner` elements as cells; what is beyond it is zero.
inline void packLine(float *to, const Matrix &line, int64_t inner) {
  elementsOf(line, [&](const auto &e) {
    int64_t i = 0;
    for (; (i + W) * kPer <= inner; i += W) store(to + i, cellsAlong(e, i * kPer));
    const int64_t end = lineCells(inner);
    std::memset(to + i, 0, static_cast<size_t>(end - i) * 4);
    for (; i * kPer < inner; i++) to[i] = cellOf(e, i * kPer, 1, inner - i * kPer);
  });
}

// Lines of cells in memory, `step` floats apart.
struct Lines {
  const float *p;
  int64_t step;
  F at(int64_t line, int64_t i) const { return load(p + line * step + i); }
  static F added(F sum, F left, F right) { return multiplied(sum, left, right); }
};

// Lines of f32, whole vectors: what low-rank terms are computed by in every set.
struct Plain {
  const float *p;
  int64_t step;
  F at(int64_t line, int64_t i) const { return load(p + line * step + i); }
  static F added(F sum, F left, F right) { return sum + left * right; }
};

// The columns of a matrix as lines where memory holds them as cells already, else null.
inline Lines linesInPlace(const Matrix &m, int64_t inner) {
  if (m.form != (kPer == 1 ? Form::f32 : Form::bf16) || inner % (W * kPer) != 0 || m.column % kPer != 0) return {nullptr, 0};
  if (kPer == 1) return {m.p, m.column};
  return {m.start % kPer == 0 ? m.p + m.start / kPer : nullptr, m.column / kPer};
}

// Each vector's lanes added up in a fixed tree.
inline void addLanes(F *sums, float *out) {
  for (int group = 0; group < kDots; group += W) {
    transposeBlock(sums + group);
    for (int half = W / 2; half > 0; half /= 2)
      for (int i = 0; i < half; i++) sums[group + i] += sums[group + i + half];
    store(out + group, sums[group]);
  }
}

// sums[i * kDots / rows + j] += line i of A by line j of W, lane by lane. `more`: the lines behind those are wanted next.
template <int rows, class Kind>
inline void dots(const Kind &a, const Kind &w, int64_t cells, int64_t columns, F *sums, bool more = true) {
  constexpr int wide = kDots / rows;
  F own[kDots];
#pragma GCC unroll 16
  for (int j = 0; j < kDots; j++) own[j] = sums[j];
  for (int64_t i = 0; i < cells; i += W) {
    F left[rows];
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) left[r] = a.at(r, i);
#pragma GCC unroll 16
    for (int j = 0; j < wide; j++) {
      const F right = w.at(least(j, columns - 1), i);
      if (rows == 1 && more) __builtin_prefetch(w.p + (wide + j) * w.step + i);
#pragma GCC unroll 4
      for (int r = 0; r < rows; r++) own[r * wide + j] = Kind::added(own[r * wide + j], left[r], right);
    }
  }
#pragma GCC unroll 16
  for (int j = 0; j < kDots; j++) sums[j] = own[j];
}

// Lines of codes of 8 bits, whole blocks each.
struct Codes {
  const uint8_t *p;
  const float *scales;
  int64_t blocks; // of a line
};

// The same of f32 lines of A: a block's codes are multiplied as they are, and its scale is applied to their sum. Four lines of W
// at a time, whose addresses fit the registers; those that come next are on their way from memory meanwhile.
template <int rows> inline void dots(const Plain &a, const Codes &w, int64_t, int64_t columns, F *sums) {
  constexpr int wide = kDots / rows, few = wide < 4 ? wide : 4, size = static_cast<int>(kBlockElements);
  for (int start = 0; start < wide && start < columns; start += few) {
    const uint8_t *codes[few];
    const float *scales[few];
    for (int j = 0; j < few; j++) {
      const int64_t line = least(start + j, columns - 1) * w.blocks;
      codes[j] = w.p + line * size;
      scales[j] = w.scales + line;
    }
    F own[rows * few] = {};
    for (int64_t block = 0; block < w.blocks; block++) {
#pragma GCC unroll 4
      for (int j = 0; j < few; j++) {
        F part[rows] = {};
        __builtin_prefetch(codes[j] + (4 * few * w.blocks + block) * size);
#pragma GCC unroll 8
        for (int i = 0; i < size / W; i++) {
          const F right = __builtin_convertvector(lanesOf(codes[j] + block * size + i * W) - 128, F);
#pragma GCC unroll 4
          for (int r = 0; r < rows; r++) part[r] += a.at(r, block * size + i * W) * right;
        }
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) own[r * few + j] += part[r] * scales[j][block];
      }
    }
    for (int r = 0; r < rows; r++)
      for (int j = 0; j < few; j++) sums[r * wide + start + j] += own[r * few + j];
  }
}

// Columns [j, j + columns) of a matrix as lines of cells, in `memory` unless they are so already.
inline Lines linesOf(const Matrix &m, int64_t j, int64_t columns, int64_t inner, float *memory) {
  const Matrix from = m.at(0, j);
  if (const Lines lines = linesInPlace(from, inner); lines.p) return lines;
  const int64_t cells = lineCells(inner);
  for (int64_t c = 0; c < columns; c++) packLine(memory + c * cells, from.at(0, c), inner);
  return {memory, cells};
}

// The same of f32.
inline Plain plainOf(const Matrix &m, int64_t j, int64_t columns, int64_t inner, float *memory) {
  const float *from = m.at(0, j).p;
  if (inner % W == 0) return {from, m.column};
  const int64_t step = roundUp(inner, W);
  std::memset(memory, 0, static_cast<size_t>(columns * step) * 4);
  for (int64_t c = 0; c < columns; c++) std::memcpy(memory + c * step, from + c * m.column, static_cast<size_t>(inner) * 4);
  return {memory, step};
}

// Rows [i, i + rows) by columns of W and V from `j` on; `a` are those rows as lines for the kind of W, `cells` long, `u` those of s U.
template <int rows, class Side, class Wide>
inline void finishRows(const Product &p, const Side &a, const Wide &w, int64_t cells, const Plain &u, const Plain &v, int64_t i,
                       int64_t j, int64_t columns) {
  constexpr int wide = kDots / rows;
  F sums[kDots] = {};
  if (p.rank > 0) dots<rows>(u, v, roundUp(p.rank, W), columns, sums);
  dots<rows>(a, w, cells, columns, sums);
  float out[kDots];
  addLanes(sums, out);
  for (int64_t r = 0; r < least(rows, p.m - i); r++)
    for (int64_t c = 0; c < columns; c++) {
      const Target t = p.target.at(i + r, j + c);
      float y = t.alpha * out[r * wide + c];
      if (t.accumulate) y += *t.c;
      if (t.bias) y += *t.bias;
      if (t.add) y += *t.add;
      *t.c = y;
    }
}

// U = A D for a few columns of D.
template <int rows> inline void lowRank(const Product &p, const Plain &a, int64_t j, float *memory) {
  constexpr int wide = kDots / rows;
  const int64_t columns = least(wide, p.rank - j);
  const Plain down = plainOf(p.down, j, columns, p.k, memory);
  for (int64_t i = 0; i < p.m; i += rows) {
    F sums[kDots] = {};
    dots<rows>(Plain{a.p + i * a.step, a.step}, down, a.step, columns, sums, j + wide < p.rank);
    float out[kDots];
    addLanes(sums, out);
    for (int64_t r = 0; r < least(rows, p.m - i); r++)
      std::memcpy(p.u + (i + r) * p.rank + j, out + r * wide, static_cast<size_t>(columns) * 4);
  }
}

// Whether few rows can take codes of 8 bits as they are.
inline bool isCodes(const Product &p) {
  constexpr auto size = static_cast<int64_t>(kBlockElements);
  return p.b.form == Form::int8 && p.m <= 4 && p.k % size == 0 && p.b.start % size == 0 && p.b.column == p.k;
}

template <int rows> inline void fewRowsOf(Context &context, const Product &p) {
  constexpr int wide = kDots / rows;
  constexpr auto size = static_cast<int64_t>(kBlockElements);
  const int64_t lines = roundUp(p.m, rows), cells = lineCells(p.k), step = roundUp(p.k, W), rankStep = roundUp(p.rank, W);
  const bool codes = isCodes(p), plain = codes || p.rank > 0;
  const int64_t floats = lines * (cells + (plain ? step : 0) + rankStep);
  float *memory = context.shared<float>(static_cast<size_t>(floats));
  context.reserve(static_cast<size_t>(wide * (most(cells, step) + rankStep)) * 4);
  const Lines a{memory, cells};
  float *wholeRows = memory + lines * cells, *rankRows = memory + floats - lines * rankStep;
  const Plain x{wholeRows, step}, u{rankRows, rankStep};
  // Rows that are missing are zero.
  std::memset(memory, 0, static_cast<size_t>(floats) * 4);
  for (int64_t i = 0; i < p.m; i++) {
    const Matrix row = p.a.at(i, 0);
    if (!codes) packLine(memory + i * cells, row, p.k);
    if (plain) std::memcpy(wholeRows + i * step, row.p, static_cast<size_t>(p.k) * 4);
  }
  if (p.rank > 0) {
    // What is small is done before another thread would be awake.
    const int64_t tasks = ceilDiv(p.rank, wide);
    const auto part = [&](int64_t task, int thread) { lowRank<rows>(p, x, task * wide, context.own<float>(thread)); };
    if (p.m * p.k * p.rank < (int64_t(1) << 18)) for (int64_t task = 0; task < tasks; task++) part(task, 0);
    else context.pool.run(tasks, part);
    const float factor = p.scale / p.target.alpha;
    for (int64_t i = 0; i < p.m; i++)
      for (int64_t c = 0; c < p.rank; c++) rankRows[i * rankStep + c] = p.u[i * p.rank + c] * factor;
  }
  const int64_t block = most(16, roundUp(ceilDiv(p.n, 64), 16));
  context.pool.run(ceilDiv(p.n, block), [&](int64_t task, int thread) {
    float *own = context.own<float>(thread);
    for (int64_t j = task * block; j < least(p.n, (task + 1) * block); j += wide) {
      const int64_t columns = least(wide, p.n - j);
      Plain v{};
      if (p.rank > 0) v = plainOf(p.v, j, columns, p.rank, own + wide * most(cells, step));
      if (codes) {
        const int64_t first = (p.b.start + j * p.k) / size;
        const Codes w{reinterpret_cast<const uint8_t *>(p.b.p) + first * size, p.b.scales + first, p.k / size};
        finishRows<rows>(p, x, w, 0, u, v, 0, j, columns);
        continue;
      }
      const Lines w = linesOf(p.b, j, columns, p.k, own);
      for (int64_t i = 0; i < p.m; i += rows)
        finishRows<rows>(p, Lines{a.p + i * cells, cells}, w, cells, Plain{u.p + i * rankStep, rankStep}, v, i, j, columns);
    }
  });
}

inline void fewRows(Context &context, const Product &p) {
  if (p.m == 1) fewRowsOf<1>(context, p);
  else fewRowsOf<4>(context, p);
}

inline bool isFewRows(const Product &p) {
  return p.m <= kFewRows && p.k > 0 && p.a.column == 1 && p.b.row == 1 &&
         (p.rank == 0 || (p.v.row == 1 && p.down.row == 1));
}

} // namespace tl::TL_SET::gemm
