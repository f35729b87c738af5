// Few rows times a matrix whose inner axis is contiguous, as in generating token by token: W is read once, as it lies.
#pragma once
#include "product.h"
#include <type_traits>

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

// W cells of the line of `inner` elements that begins at `from`, from cell `i` on; beyond the line they are zero.
template <class Elements> inline F lineAt(const Elements &e, int64_t from, int64_t i, int64_t inner) {
  if ((i + W) * kPer <= inner) return cellsAlong(e, from + i * kPer);
  float lanes[W] = {};
  for (int l = 0; l < W && (i + l) * kPer < inner; l++)
    lanes[l] = cellOf(e, from + (i + l) * kPer, 1, inner - (i + l) * kPer);
  return load(lanes);
}

template <class Elements> inline void packLine(float *to, const Elements &e, int64_t from, int64_t inner) {
  for (int64_t i = 0; i < lineCells(inner); i += W) store(to + i, lineAt(e, from, i, inner));
}

// Lines of cells in memory, `step` apart.
struct Lines {
  const float *p;
  int64_t step;
  F at(int64_t line, int64_t i) const { return load(p + line * step + i); }
};

// Lines that are made into cells as they are read.
template <class Elements> struct Raw {
  Elements e;
  int64_t from, step, inner;
  F at(int64_t line, int64_t i) const { return lineAt(e, from + line * step, i, inner); }
};

// Each vector's lanes added up in a fixed tree.
inline void addLanes(F *sums, float *out) {
  for (int group = 0; group < kDots; group += W) {
    transposeBlock(sums + group);
    for (int half = W / 2; half > 0; half /= 2)
      for (int i = 0; i < half; i++) sums[group + i] += sums[group + i + half];
    store(out + group, sums[group]);
  }
}

// out[i * kDots / rows + j] = line i of A by line j of W: each lane is added up over the line, then all lanes.
template <int rows, class Wide> inline void dots(const Lines &a, const Wide &w, int64_t cells, int64_t columns, float *out) {
  constexpr int wide = kDots / rows;
  F sums[kDots] = {};
  for (int64_t i = 0; i < cells; i += W) {
    F left[rows];
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) left[r] = a.at(r, i);
#pragma GCC unroll 16
    for (int j = 0; j < wide; j++) {
      const F right = w.at(least(j, columns - 1), i);
#pragma GCC unroll 4
      for (int r = 0; r < rows; r++) sums[r * wide + j] = multiplied(sums[r * wide + j], left[r], right);
    }
  }
  addLanes(sums, out);
}

// Lines of codes of 8 bits, whole blocks each.
struct Codes {
  const uint8_t *p;
  const float *scales;
  int64_t blocks; // of a line
};

// The same of f32 lines of A: a block's codes are multiplied as they are, and its scale is applied to their sum. Four lines of W
// at a time, whose addresses fit the registers.
template <int rows> inline void dots(const Lines &a, const Codes &w, int64_t, int64_t columns, float *out) {
  constexpr int wide = kDots / rows, few = wide < 4 ? wide : 4, size = static_cast<int>(kBlockElements);
  F sums[kDots] = {};
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
      for (int j = 0; j < few; j++) sums[r * wide + start + j] = own[r * few + j];
  }
  addLanes(sums, out);
}

// Whether memory holds cells already.
template <class Elements> constexpr bool isCells(const Elements &) { return false; }
#ifdef TL_BF16
constexpr bool isCells(const Halves &) { return true; }
#else
constexpr bool isCells(const Floats &) { return true; }
#endif

// Rows of A and U as lines.
struct Left {
  float *a, *u;
  int64_t cells, rankCells;
};

// `a`: the rows from `i` on, as lines for the kind of W.
template <int rows, class Wide>
inline void finishRows(const Product &p, const Left &left, const Lines &a, const Wide &w, int64_t i, int64_t j,
                       int64_t columns) {
  constexpr int wide = kDots / rows;
  float out[kDots], extra[kDots] = {};
  dots<rows>(a, w, left.cells, columns, out);
  if (p.rank > 0)
    dots<rows>(Lines{left.u + i * left.rankCells, left.rankCells}, Raw<Floats>{{p.v.p}, j * p.v.column, p.v.column, p.rank},
               left.rankCells, columns, extra);
  for (int64_t r = 0; r < least(rows, p.m - i); r++)
    for (int64_t c = 0; c < columns; c++) {
      const Target t = p.target.at(i + r, j + c);
      float y = t.alpha * out[r * wide + c] + p.scale * extra[r * wide + c];
      if (t.accumulate) y += *t.c;
      if (t.bias) y += *t.bias;
      if (t.add) y += *t.add;
      *t.c = y;
    }
}

// U = A D, row by row.
template <int rows> inline void lowRank(const Product &p, const Left &left, int64_t j) {
  constexpr int wide = kDots / rows;
  const int64_t columns = least(wide, p.rank - j);
  for (int64_t i = 0; i < p.m; i += rows) {
    float out[kDots];
    dots<rows>(Lines{left.a + i * left.cells, left.cells}, Raw<Floats>{{p.down.p}, j * p.down.column, p.down.column, p.k},
               left.cells, columns, out);
    for (int64_t r = 0; r < least(rows, p.m - i); r++)
      std::memcpy(p.u + (i + r) * p.rank + j, out + r * wide, static_cast<size_t>(columns) * 4);
  }
}

inline int64_t blockOf(const Product &p) { return most(16, roundUp(ceilDiv(p.n, 64), 16)); }

inline bool wholeBlocks(const Product &p, const Bytes &w) {
  const auto size = static_cast<int64_t>(kBlockElements);
  return p.k % size == 0 && w.start % size == 0 && p.b.column == p.k;
}

// At most `rows` rows, which `plain` holds in f32, by codes of 8 bits.
template <int rows>
inline void codeRows(Context &context, const Product &p, const Bytes &w, const Left &left, const float *plain) {
  constexpr int wide = kDots / rows;
  constexpr auto size = static_cast<int64_t>(kBlockElements);
  const int64_t blocks = p.k / size, block = blockOf(p);
  context.pool.run(ceilDiv(p.n, block), [&](int64_t task, int) {
    for (int64_t j = task * block; j < least(p.n, (task + 1) * block); j += wide) {
      const int64_t first = w.start / size + j * blocks;
      const Codes codes{w.p + first * size, w.scales + first, blocks};
      finishRows<rows>(p, left, Lines{plain, p.k}, codes, 0, j, least(wide, p.n - j));
    }
  });
}

template <int rows, class Elements> inline void fewRowsOf(Context &context, const Product &p, const Elements &w) {
  constexpr int wide = kDots / rows;
  const int64_t lines = roundUp(p.m, rows), cells = lineCells(p.k), rankCells = p.rank > 0 ? lineCells(p.rank) : 0;
  float *memory = context.shared<float>(static_cast<size_t>(lines * (cells + rankCells) + rows * p.k));
  const Left left{memory, memory + lines * cells, cells, rankCells};
  std::memset(memory, 0, static_cast<size_t>(lines * (cells + rankCells)) * 4);
  for (int64_t i = 0; i < p.m; i++) packLine(left.a + i * cells, Floats{p.a.p}, i * p.a.row, p.k);
  if (p.rank > 0) {
    // What is small is done before another thread would be awake.
    const int64_t tasks = ceilDiv(p.rank, wide);
    if (p.m * p.k * p.rank < (int64_t(1) << 18)) for (int64_t task = 0; task < tasks; task++) lowRank<rows>(p, left, task * wide);
    else context.pool.run(tasks, [&](int64_t task, int) { lowRank<rows>(p, left, task * wide); });
    for (int64_t i = 0; i < p.m; i++) packLine(left.u + i * rankCells, Floats{p.u}, i * p.rank, p.rank);
  }
  // Lines that several rows read are made into cells once, unless they are cells as they lie.
  const bool once = p.m > rows && !isCells(w);
  if constexpr (std::is_same_v<Elements, Bytes>)
    if (!once && wholeBlocks(p, w)) {
      float *plain = memory + lines * (cells + rankCells);
      std::memset(plain, 0, static_cast<size_t>(rows * p.k) * 4);
      for (int64_t i = 0; i < p.m; i++) std::memcpy(plain + i * p.k, p.a.p + i * p.a.row, static_cast<size_t>(p.k) * 4);
      return codeRows<rows>(context, p, w, left, plain);
    }
  const int64_t block = blockOf(p);
  context.reserve(static_cast<size_t>(wide * cells) * 4);
  context.pool.run(ceilDiv(p.n, block), [&](int64_t task, int thread) {
    float *own = context.own<float>(thread);
    for (int64_t j = task * block; j < least(p.n, (task + 1) * block); j += wide) {
      const int64_t columns = least(wide, p.n - j);
      for (int64_t c = 0; once && c < columns; c++) packLine(own + c * cells, w, (j + c) * p.b.column, p.k);
      for (int64_t i = 0; i < p.m; i += rows) {
        const Lines a{left.a + i * cells, cells};
        if (once) finishRows<rows>(p, left, a, Lines{own, cells}, i, j, columns);
        else finishRows<rows>(p, left, a, Raw<Elements>{w, j * p.b.column, p.b.column, p.k}, i, j, columns);
      }
    }
  });
}

inline void fewRows(Context &context, const Product &p) {
  elementsOf(p.b, [&](const auto &w) {
    if (p.m == 1) fewRowsOf<1>(context, p, w);
    else if (p.m == 2) fewRowsOf<2>(context, p, w);
    else fewRowsOf<4>(context, p, w);
  });
}

inline bool isFewRows(const Product &p) {
  return p.m <= kFewRows && p.k > 0 && p.a.column == 1 && p.b.row == 1 &&
         (p.rank == 0 || (p.v.row == 1 && p.down.row == 1));
}

} // namespace tl::TL_SET::gemm
