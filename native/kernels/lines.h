// Lines of cells: how a matrix whose inner axis is contiguous is read as it lies, one line after another, so that memory is one
// stream.
#pragma once
#include "product.h"

namespace tl::TL_SET::gemm {

// Bytes of lines that are on their way from memory: processors fetch ahead by themselves, but not into the next small page.
constexpr int64_t kLinesAhead = 8192;

// Cells of a line: whole vectors.
inline int64_t lineCells(int64_t inner) { return roundUp(ceilDiv(inner, kPer), W); }

// A line of `inner` elements as cells; what is beyond it is zero.
inline void packLine(float *to, const Matrix &line, int64_t inner) {
  constexpr auto size = static_cast<int64_t>(kBlockElements);
  if (line.form == Form::int8 && inner % size == 0 && line.start % size == 0) {
    const uint8_t *codes = reinterpret_cast<const uint8_t *>(line.p) + line.start;
    const float *scales = line.scales + line.start / size;
    for (int64_t block = 0; block < inner / size; block++, codes += size) {
      const Block e{codes, scales[block]};
#pragma GCC unroll 8
      for (int64_t i = 0; i < size; i += W * kPer) store(to + (block * size + i) / kPer, cellsAlong(e, i));
    }
    return;
  }
  elementsOf(line, [&](const auto &e) {
    int64_t i = 0;
    for (; (i + W) * kPer <= inner; i += W) store(to + i, cellsAlong(e, i * kPer));
    const int64_t end = lineCells(inner);
    std::memset(to + i, 0, static_cast<size_t>(end - i) * 4);
    for (; i * kPer < inner; i++) to[i] = cellOf(e, i * kPer, 1, inner - i * kPer);
  });
}

// Lines in memory, `step` floats apart, of `cells` each.
struct Lines {
  const float *p;
  int64_t step, cells;
  Lines from(int64_t line) const { return {p + line * step, step, cells}; }
};

// The columns of a matrix as lines where memory holds them as cells already, else null.
inline Lines linesInPlace(const Matrix &m, int64_t inner) {
  if (m.form != (kPer == 1 ? Form::f32 : Form::bf16) || inner % (W * kPer) != 0 || m.column % kPer != 0) return {};
  const int64_t step = m.column / kPer, cells = inner / kPer;
  if (kPer == 1) return {m.p, step, cells};
  return {m.start % kPer == 0 ? m.p + m.start / kPer : nullptr, step, cells};
}

// Columns [j, j + columns) as lines of cells, in `memory` unless they are so already.
inline Lines linesOf(const Matrix &m, int64_t j, int64_t columns, int64_t inner, float *memory) {
  const Matrix from = m.at(0, j);
  if (const Lines lines = linesInPlace(from, inner); lines.p) return lines;
  const int64_t cells = lineCells(inner);
  for (int64_t c = 0; c < columns; c++) packLine(memory + c * cells, from.at(0, c), inner);
  return {memory, cells, cells};
}

// The same of f32 and as f32, which low-rank terms are computed by in every set.
inline Lines plainOf(const Matrix &m, int64_t j, int64_t columns, int64_t inner, float *memory) {
  const float *from = m.at(0, j).p;
  if (inner % W == 0) return {from, m.column, inner};
  const int64_t step = roundUp(inner, W);
  std::memset(memory, 0, static_cast<size_t>(columns * step) * 4);
  for (int64_t c = 0; c < columns; c++) std::memcpy(memory + c * step, from + c * m.column, static_cast<size_t>(inner) * 4);
  return {memory, step, step};
}

struct Cells {
  static F added(F sum, F left, F right) { return multiplied(sum, left, right); }
};
struct Plain {
  static F added(F sum, F left, F right) { return sum + left * right; }
};

// sums[r * W] += the chains' sums of row r.
template <int chains, int rows> inline void addChains(F *sums, F (&own)[chains][rows]) {
#pragma GCC unroll 8
  for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
    for (int c = 1; c < chains; c++) own[0][r] += own[c][r];
    sums[r * W] += own[0][r];
  }
}

// sums[r * W] += line r of A by a line of W, lane by lane. A few sums at once, since each waits for the one before it.
template <int rows, class Kind> inline void addLine(F *sums, const Lines &a, const float *w) {
  constexpr int chains = 2;
  F own[chains][rows] = {};
  int64_t i = 0;
  for (; i + chains * W <= a.cells; i += chains * W)
#pragma GCC unroll 4
    for (int c = 0; c < chains; c++) {
      const float *at = w + i + c * W;
      __builtin_prefetch(reinterpret_cast<const char *>(at) + kLinesAhead);
      const F right = load(at);
#pragma GCC unroll 8
      for (int r = 0; r < rows; r++) own[c][r] = Kind::added(own[c][r], load(a.p + r * a.step + i + c * W), right);
    }
  for (; i < a.cells; i += W)
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) own[0][r] = Kind::added(own[0][r], load(a.p + r * a.step + i), load(w + i));
  addChains(sums, own);
}

// Lines of codes of 8 bits, whole blocks each.
struct Codes {
  const uint8_t *p;
  const float *scales;
  int64_t blocks; // of a line
};

// The columns of a matrix as lines of codes, or null.
inline Codes codesOf(const Matrix &m, int64_t inner) {
  constexpr auto size = static_cast<int64_t>(kBlockElements);
  if (m.form != Form::int8 || inner % size != 0 || m.start % size != 0 || m.column != inner) return {};
  const int64_t first = m.start / size;
  return {reinterpret_cast<const uint8_t *>(m.p) + first * size, m.scales + first, inner / size};
}

// The same by line j of codes and lines of f32: a block's codes are multiplied as they are, its scale is applied to their sum.
template <int rows> inline void addCodes(F *sums, const Lines &a, const Codes &w, int64_t j) {
  constexpr int size = static_cast<int>(kBlockElements), chains = rows == 1 ? 2 : 1;
  const uint8_t *codes = w.p + j * w.blocks * size;
  const float *scales = w.scales + j * w.blocks;
  F own[chains][rows] = {};
  const auto add = [&](int64_t block, F *to) {
    F part[rows] = {};
    __builtin_prefetch(codes + block * size + kLinesAhead);
#pragma GCC unroll 8
    for (int i = 0; i < size; i += W) {
      const F right = __builtin_convertvector(signedLanesOf(codes + block * size + i), F);
#pragma GCC unroll 8
      for (int r = 0; r < rows; r++) part[r] += load(a.p + r * a.step + block * size + i) * right;
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) to[r] += part[r] * scales[block];
  };
  int64_t block = 0;
  for (; block + chains <= w.blocks; block += chains)
#pragma GCC unroll 4
    for (int c = 0; c < chains; c++) add(block + c, own[c]);
  for (; block < w.blocks; block++) add(block, own[0]);
  addChains(sums, own);
}

// What comes after some lines, fetched bit by bit while those are read.
struct Ahead {
  const char *p, *stop;
  int64_t step; // whole lines of a cache, in bytes
  void next() {
    for (const char *end = p + step < stop ? p + step : stop; p < end; p += 64) __builtin_prefetch(p, 0, 2);
  }
};

#if TL_BYTES == 64 || defined(__aarch64__)
constexpr bool kManyRegisters = true;
#else
constexpr bool kManyRegisters = false;
#endif

// Lines of W and rows of A at once in registers.
constexpr int kBlockLines = kManyRegisters ? 4 : 2;
constexpr int kBlockRows = 4;

// sums[r * W + l] += line r of A by line l of W for a block of them.
inline void addBlock(F *sums, const Lines &a, const Lines &w, Ahead &ahead) {
  F own[kBlockRows][kBlockLines];
#pragma GCC unroll 4
  for (int r = 0; r < kBlockRows; r++)
#pragma GCC unroll 4
    for (int l = 0; l < kBlockLines; l++) own[r][l] = sums[r * W + l];
  for (int64_t i = 0; i < a.cells; i += W) {
    F left[kBlockRows];
#pragma GCC unroll 4
    for (int r = 0; r < kBlockRows; r++) left[r] = load(a.p + r * a.step + i);
    ahead.next();
#pragma GCC unroll 4
    for (int l = 0; l < kBlockLines; l++) {
      const F right = load(w.p + l * w.step + i);
#pragma GCC unroll 4
      for (int r = 0; r < kBlockRows; r++) own[r][l] = multiplied(own[r][l], left[r], right);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < kBlockRows; r++)
#pragma GCC unroll 4
    for (int l = 0; l < kBlockLines; l++) sums[r * W + l] = own[r][l];
}

// Lane i of the result: the lanes of sums[i], added up in a fixed tree. The sums are lost.
template <int step = 1> inline F addedLanes(F *sums) {
  if constexpr (step == W) return sums[0];
  else {
    using Lanes = std::make_integer_sequence<int, W>;
#pragma GCC unroll 8
    for (int i = 0; i < W; i += 2 * step)
      sums[i] = exchangeLow<step>(sums[i], sums[i + step], Lanes{}) + exchangeHigh<step>(sums[i], sums[i + step], Lanes{});
    return addedLanes<2 * step>(sums);
  }
}

} // namespace tl::TL_SET::gemm
