// Products of matrices on all threads.
#pragma once
#include "fewRows.h"
#include "thin.h"

namespace tl::TL_SET {

namespace gemm {

// Cells of packed B at once; a larger one goes in slabs of columns.
constexpr int64_t kSlab = int64_t(4) << 20;

// Cells of A that a thread packs before it multiplies: about half of a second-level cache.
constexpr int64_t kBlock = int64_t(96) << 10;

// A product is cut into at least so many parts if it is large enough.
constexpr int64_t kParts = 12;

// One slab: B is packed by all threads, then blocks of C are shared out; each packs its rows of A, which stay in near
// caches, and goes once through B.
inline void slab(Context &context, const Product &p) {
  const int64_t main = chunksOf(p.k), extra = chunksOf(p.rank), chunks = main + extra;
  const int64_t panelsA = ceilDiv(p.m, kRows), panelsB = ceilDiv(p.n, kColumns), panelsD = ceilDiv(p.rank, kColumns);
  const int64_t sizeA = chunks * kCells * kRows, sizeB = chunks * kCells * kColumns, sizeD = main * kCells * kColumns;
  float *b = context.shared<float>(static_cast<size_t>(panelsB * sizeB + panelsD * sizeD));
  float *d = b + panelsB * sizeB;
  const int64_t group = most(1, 16384 / most(1, sizeB)), tasks = ceilDiv(panelsB, group);
  context.pool.run(tasks + panelsD, [&](int64_t task, int) {
    if (task >= tasks) {
      const int64_t start = (task - tasks) * kColumns;
      return packColumns(d + (task - tasks) * sizeD, p.down.at(0, start), least(kColumns, p.rank - start), p.k);
    }
    for (int64_t panel = task * group; panel < least(panelsB, (task + 1) * group); panel++) {
      const int64_t start = panel * kColumns, columns = least(kColumns, p.n - start);
      packColumns(b + panel * sizeB, p.b.at(0, start), columns, p.k);
      packColumns(b + panel * sizeB + sizeD, p.v.at(0, start), columns, p.rank);
    }
  });
  const int64_t high = least(panelsA, least(most(1, kBlock / most(1, sizeA)), most(8, ceilDiv(panelsA, kParts))));
  const int64_t down = ceilDiv(panelsA, high), wide = ceilDiv(panelsB, ceilDiv(kParts, down));
  const bool across = p.a.column != 1;
  context.reserve(static_cast<size_t>(high * (sizeA + kRows * p.rank)) * 4);
  context.pool.run(down * ceilDiv(panelsB, wide), [&](int64_t task, int thread) {
    const int64_t i = task % down * high, j = task / down * wide;
    const int64_t rows = least(high * kRows, p.m - i * kRows), columns = least(wide * kColumns, p.n - j * kColumns);
    float *a = context.own<float>(thread);
    for (int64_t r = 0; r < rows; r += kRows)
      packRows(a + r / kRows * sizeA, p.a.at(i * kRows + r, 0), least(kRows, rows - r), p.k);
    if (p.rank > 0) {
      // Every block of columns makes U again, the same bits; the first one keeps it.
      float *u = j == 0 ? p.u + i * kRows * p.rank : a + high * sizeA;
      multiply(a, d, rows, p.rank, main, chunks, main, across, {u, p.rank});
      for (int64_t r = 0; r < rows; r += kRows)
        packRows(a + r / kRows * sizeA + main * kCells * kRows, {u + r * p.rank, p.rank, 1}, least(kRows, rows - r), p.rank,
                 p.scale / p.target.alpha);
    }
    multiply(a, b + j * sizeB, rows, columns, chunks, chunks, chunks, across, p.target.at(i * kRows, j * kColumns));
  });
}

} // namespace gemm

// A low-rank term wants rows of A that are contiguous.
inline void product(Context &context, const Product &p) {
  if (p.m == 0 || p.n == 0) return;
  if (gemm::isFewRows(p)) return gemm::fewRows(context, p);
  const int64_t inner = (chunksOf(p.k) + chunksOf(p.rank)) * kCells;
  const int64_t columns = most(kColumns, gemm::kSlab / most(1, inner) / kColumns * kColumns);
  for (int64_t j = 0; j < p.n; j += columns) {
    Product part = p;
    part.n = least(columns, p.n - j);
    part.b = p.b.at(0, j);
    part.v = p.v.at(0, j);
    part.target = p.target.at(0, j);
    gemm::slab(context, part);
  }
}

namespace gemm {

// One product on one thread, with room for packed panels in `memory`.
inline int64_t aloneFloats(int64_t m, int64_t n, int64_t k) {
  return chunksOf(k) * kCells * (roundUp(m, kRows) + roundUp(n, kColumns));
}
inline void alone(const Product &p, float *memory) {
  const int64_t chunks = chunksOf(p.k), size = chunks * kCells;
  float *a = memory, *b = memory + size * roundUp(p.m, kRows);
  packPanels(a, p.a, p.m, p.k);
  for (int64_t j = 0; j < p.n; j += kColumns)
    packColumns(b + j * size, p.b.at(0, j), least(kColumns, p.n - j), p.k);
  multiply(a, b, p.m, p.n, chunks, chunks, chunks, p.a.column != 1, p.target);
}

inline Matrix matrixOf(const Args &args, int slot, int64_t rows, int64_t columns, bool transposed) {
  const Matrix m{args.at(slot), columns, 1, args.forms[slot]};
  return transposed ? Matrix{m.p, 1, rows, m.form} : m;
}

// Batched products. Slots A, B, C. ints: m, n, k, A transposed, B transposed, batch axes, then per axis its size and
// the strides of A and B in elements; C is dense. floats: alpha.
inline void batched(Context &context, const Args &args) {
  const int64_t *n = args.ints;
  const int64_t axes = n[5];
  int64_t batch = 1;
  for (int64_t i = 0; i < axes; i++) batch *= n[6 + 3 * i];
  Product one{n[0], n[1], n[2], {}, {}, {}};
  one.target.row = one.n;
  one.target.alpha = args.f(0);
  auto of = [&](int64_t index) {
    Product p = one;
    int64_t a = 0, b = 0, rest = index;
    for (int64_t axis = axes - 1; axis >= 0; axis--) {
      const int64_t i = rest % n[6 + 3 * axis];
      rest /= n[6 + 3 * axis];
      a += i * n[7 + 3 * axis];
      b += i * n[8 + 3 * axis];
    }
    p.a = matrixOf(args, 0, p.m, p.k, n[3] != 0).moved(a);
    p.b = matrixOf(args, 1, p.k, p.n, n[4] != 0).moved(b);
    p.target.c = args.at(2) + index * p.m * p.n;
    return p;
  };
  if (batch == 1 && thinProduct(context, of(0))) return;
  const int64_t work = one.m * one.n * one.k;
  if (batch == 1 || (batch < 8 && work > (int64_t(1) << 22))) {
    for (int64_t i = 0; i < batch; i++) product(context, of(i));
    return;
  }
  context.reserve(static_cast<size_t>(aloneFloats(one.m, one.n, one.k)) * 4);
  const int64_t group = most(1, (int64_t(1) << 16) / most(1, work));
  context.pool.run(ceilDiv(batch, group), [&](int64_t task, int thread) {
    for (int64_t i = task * group; i < least(batch, (task + 1) * group); i++)
      alone(of(i), context.own<float>(thread));
  });
}

// y = x Wᵀ [+ bias] [+ s u Vᵀ] [+ d], u = x Uᵀ; or the other way round. Slots x, W, bias, A, B, d, scales of W, y, and u where
// there are factors; all but x, W and y may be left out. ints: rows, out, inner, transposed, rank, and the bits of W's codes, 0
// where it has none; floats: scale.
inline void linear(Context &context, const Args &args) {
  const int64_t rows = args.ints[0], out = args.ints[1], inner = args.ints[2], rank = args.ints[4], bits = args.ints[5];
  const bool transposed = args.ints[3] != 0;
  const Matrix x{args.at(0), inner, 1};
  Matrix w = matrixOf(args, 1, inner, out, !transposed);
  if (bits > 0) w.form = bits == 8 ? Form::int8 : Form::int4;
  w.scales = args.at(6);
  Product p{rows, out, inner, x, w, {}};
  p.target.c = args.at(7);
  p.target.row = out;
  p.target.bias = args.at(2);
  p.target.add = args.at(5);
  p.target.addRow = out;
  if (rank > 0) {
    const float *a = args.at(3), *b = args.at(4);
    p.rank = rank;
    p.down = transposed ? Matrix{b, rank, 1} : Matrix{a, 1, inner};
    p.v = transposed ? Matrix{a, out, 1} : Matrix{b, 1, rank};
    p.u = args.at(8);
    p.scale = args.f(0);
  }
  product(context, p);
}

} // namespace gemm
} // namespace tl::TL_SET
