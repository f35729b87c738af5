// Products of matrices on all threads: C = alpha A B [+ s U V] [+ bias] [+ D].
#pragma once
#include "panels.h"

namespace tl::TL_SET {

struct Product {
  int64_t m, n, k;
  Matrix a, b;
  Target target;
  // A further term U V of inner size `rank`, as if its columns stood behind those of A.
  int64_t rank = 0;
  Matrix u{}, v{};
  float scale = 1;
};

namespace gemm {

// Packed operands stay below these sizes, in floats; larger ones go in slabs.
constexpr int64_t kSlab = int64_t(4) << 20;

// Up to so many rows W is read once as it lies, without packing it.
constexpr int64_t kFewRows = 12;

// Rows of A by rows of W, both contiguous along the inner axis: four by four dot products at a time.
template <int rows>
inline void dots(const float *a, int64_t stepA, const float *w, int64_t stepW, int64_t k, int64_t columns, float *out) {
  F sums[rows][4] = {};
  for (int64_t i = 0; i + W <= k; i += W) {
    F right[4];
    for (int j = 0; j < 4; j++) right[j] = j < columns ? load(w + j * stepW + i) : F{};
    for (int r = 0; r < rows; r++) {
      const F left = load(a + r * stepA + i);
      for (int j = 0; j < 4; j++) sums[r][j] += left * right[j];
    }
  }
  const int64_t done = k / W * W;
  for (int r = 0; r < rows; r++)
    for (int j = 0; j < columns; j++) {
      float total = sumOf(sums[r][j]);
      for (int64_t i = done; i < k; i++) total += a[r * stepA + i] * w[j * stepW + i];
      out[r * 4 + j] = total;
    }
}

inline void dotsOf(int64_t rows, const float *a, int64_t stepA, const float *w, int64_t stepW, int64_t k,
                   int64_t columns, float *out) {
  if (rows == 1) dots<1>(a, stepA, w, stepW, k, columns, out);
  else if (rows == 2) dots<2>(a, stepA, w, stepW, k, columns, out);
  else if (rows == 3) dots<3>(a, stepA, w, stepW, k, columns, out);
  else dots<4>(a, stepA, w, stepW, k, columns, out);
}

// Few rows times a matrix whose inner axis is contiguous.
inline void fewRows(Context &context, const Product &p) {
  const int64_t block = 16;
  context.pool.run(ceilDiv(p.n, block), [&](int64_t task, int) {
    for (int64_t j = task * block; j < least(p.n, (task + 1) * block); j += 4) {
      const int64_t columns = least(4, p.n - j);
      for (int64_t i = 0; i < p.m; i += 4) {
        const int64_t rows = least(4, p.m - i);
        float out[16], extra[16] = {};
        dotsOf(rows, p.a.p + i * p.a.row, p.a.row, p.b.p + j * p.b.column, p.b.column, p.k, columns, out);
        if (p.rank > 0)
          for (int64_t r = 0; r < rows; r++)
            for (int64_t c = 0; c < columns; c++)
              for (int64_t l = 0; l < p.rank; l++)
                extra[r * 4 + c] += p.u.p[(i + r) * p.u.row + l * p.u.column] * p.v.p[l * p.v.row + (j + c) * p.v.column];
        for (int64_t r = 0; r < rows; r++)
          for (int64_t c = 0; c < columns; c++) {
            const Target t = p.target.at(i + r, j + c);
            float y = t.alpha * out[r * 4 + c] + p.scale * extra[r * 4 + c];
            if (t.accumulate) y += *t.c;
            if (t.bias) y += *t.bias;
            if (t.add) y += *t.add;
            *t.c = y;
          }
      }
    }
  });
}

// One slab: both operands are packed by all threads, then tiles of C are shared out.
inline void slab(Context &context, const Product &p) {
  const int64_t main = chunksOf(p.k), extra = p.rank > 0 ? chunksOf(p.rank) : 0, chunks = main + extra;
  const int64_t panelsA = ceilDiv(p.m, kRows), panelsB = ceilDiv(p.n, kColumns);
  const int64_t sizeA = chunks * kChunk * kRows, sizeB = chunks * kChunk * kColumns;
  float *a = context.shared<float>(static_cast<size_t>(panelsA * sizeA + panelsB * sizeB));
  float *b = a + panelsA * sizeA;
  const bool across = p.a.column != 1;
  // Panels are packed a few per task: one is a matter of microseconds.
  const int64_t groupA = most(1, 16384 / sizeA), groupB = most(1, 16384 / sizeB);
  const int64_t tasksA = ceilDiv(panelsA, groupA), tasksB = ceilDiv(panelsB, groupB);
  context.pool.run(tasksA + tasksB, [&](int64_t task, int) {
    if (task < tasksA) {
      for (int64_t panel = task * groupA; panel < least(panelsA, (task + 1) * groupA); panel++) {
        const int64_t start = panel * kRows, rows = least(kRows, p.m - start);
        packRows(a + panel * sizeA, p.a.at(start, 0), rows, p.k);
        if (p.rank > 0)
          packRows(a + panel * sizeA + main * kChunk * kRows, p.u.at(start, 0), rows, p.rank, p.scale / p.target.alpha);
      }
      return;
    }
    task -= tasksA;
    for (int64_t panel = task * groupB; panel < least(panelsB, (task + 1) * groupB); panel++) {
      const int64_t start = panel * kColumns, columns = least(kColumns, p.n - start);
      packColumns(b + panel * sizeB, p.b.at(0, start), columns, p.k);
      if (p.rank > 0)
        packColumns(b + panel * sizeB + main * kChunk * kColumns, p.v.at(0, start), columns, p.rank);
    }
  });
  // Tiles large enough that packed panels are read from near caches, small enough to share out evenly.
  const int64_t high = least(panelsA, 10), wide = least(panelsB, panelsA <= 10 ? 2 : 6);
  const int64_t down = ceilDiv(panelsA, high), right = ceilDiv(panelsB, wide);
  context.pool.run(down * right, [&](int64_t task, int) {
    const int64_t i = task % down * high, j = task / down * wide;
    const int64_t rows = least(high * kRows, p.m - i * kRows), columns = least(wide * kColumns, p.n - j * kColumns);
    multiply(a + i * sizeA, b + j * sizeB, rows, columns, chunks, chunks, chunks, across,
             p.target.at(i * kRows, j * kColumns));
  });
}

} // namespace gemm

inline void product(Context &context, const Product &p) {
  if (p.m == 0 || p.n == 0) return;
  if (p.m <= gemm::kFewRows && p.b.row == 1 && p.a.column == 1 && p.k > 0) return gemm::fewRows(context, p);
  const int64_t inner = (chunksOf(p.k) + chunksOf(p.rank)) * kChunk;
  const int64_t rows = most(kRows, gemm::kSlab / most(1, inner) / kRows * kRows);
  const int64_t columns = most(kColumns, gemm::kSlab / most(1, inner) / kColumns * kColumns);
  for (int64_t j = 0; j < p.n; j += columns)
    for (int64_t i = 0; i < p.m; i += rows) {
      Product part = p;
      part.m = least(rows, p.m - i);
      part.n = least(columns, p.n - j);
      part.a = p.a.at(i, 0);
      part.b = p.b.at(0, j);
      if (p.rank > 0) {
        part.u = p.u.at(i, 0);
        part.v = p.v.at(0, j);
      }
      part.target = p.target.at(i, j);
      gemm::slab(context, part);
    }
}

namespace gemm {

// One product on one thread, with room for packed panels in `memory`.
inline int64_t aloneFloats(int64_t m, int64_t n, int64_t k) {
  return chunksOf(k) * kChunk * (roundUp(m, kRows) + roundUp(n, kColumns));
}
inline void alone(const Product &p, float *memory) {
  const int64_t chunks = chunksOf(p.k);
  float *a = memory, *b = memory + chunks * kChunk * roundUp(p.m, kRows);
  for (int64_t i = 0; i < p.m; i += kRows)
    packRows(a + i * chunks * kChunk, p.a.at(i, 0), least(kRows, p.m - i), p.k);
  for (int64_t j = 0; j < p.n; j += kColumns)
    packColumns(b + j * chunks * kChunk, p.b.at(0, j), least(kColumns, p.n - j), p.k);
  multiply(a, b, p.m, p.n, chunks, chunks, chunks, p.a.column != 1, p.target);
}

inline Matrix matrixOf(const float *p, int64_t rows, int64_t columns, bool transposed) {
  return transposed ? Matrix{p, 1, rows} : Matrix{p, columns, 1};
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
    p.a = matrixOf(args.at(0) + a, p.m, p.k, n[3] != 0);
    p.b = matrixOf(args.at(1) + b, p.k, p.n, n[4] != 0);
    p.target.c = args.at(2) + index * p.m * p.n;
    return p;
  };
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

// y = x Wᵀ [+ bias] [+ s u Vᵀ] [+ d], u = x Uᵀ; or the other way round. Slots x, W, bias, A, B, d, y, and u where there are
// factors; all but x, W and y may be left out. ints: rows, out, inner, transposed, rank; floats: scale.
inline void linear(Context &context, const Args &args) {
  const int64_t rows = args.ints[0], out = args.ints[1], inner = args.ints[2], rank = args.ints[4];
  const bool transposed = args.ints[3] != 0;
  const Matrix x{args.at(0), inner, 1};
  Product p{rows, out, inner, x, matrixOf(args.at(1), inner, out, !transposed), {}};
  p.target.c = args.at(6);
  p.target.row = out;
  p.target.bias = args.at(2);
  p.target.add = args.at(5);
  p.target.addRow = out;
  if (rank > 0) {
    const float *a = args.at(3), *b = args.at(4);
    Product down{rows, rank, inner, x, transposed ? Matrix{b, rank, 1} : Matrix{a, 1, inner}, {}};
    down.target.c = args.at(7);
    down.target.row = rank;
    product(context, down);
    p.rank = rank;
    p.u = {args.at(7), rank, 1};
    p.v = transposed ? Matrix{a, out, 1} : Matrix{b, 1, rank};
    p.scale = args.f(0);
  }
  product(context, p);
}

} // namespace gemm
} // namespace tl::TL_SET
