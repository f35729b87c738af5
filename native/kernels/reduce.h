// Sums, maxima and minima of [outer, count, inner] over the middle, and what else walks along an axis: running sums,
// the place of the maximum, the largest in order.
#pragma once
#include "../simd/vector.h"
#include <algorithm>
#include <limits>

namespace tl::TL_SET::reduction {

enum Kind : int64_t { kSum, kMax, kMin, kSquares };

inline F join(Kind kind, F a, F b) {
  if (kind == kSum) return a + b;
  F y = kind == kMax ? larger(a, b) : smaller(a, b);
  return pick(a == a, pick(b == b, y, b), a);
}
inline float joinOne(Kind kind, float a, float b) {
  if (kind == kSum) return a + b;
  if (std::isnan(a)) return a;
  if (std::isnan(b)) return b;
  return kind == kMax ? (a > b ? a : b) : (a < b ? a : b);
}
inline float startOf(Kind kind) { return kind == kSum ? 0 : kind == kMax ? -INFINITY : INFINITY; }

template <bool squares> inline float row(Kind kind, const float *x, int64_t n) {
  const auto at = [x](int64_t i) {
    const F value = load(x + i);
    return squares ? value * value : value;
  };
  F sums[4];
  for (F &sum : sums) sum = splat(startOf(kind));
  int64_t i = 0;
  for (; i + 4 * W <= n; i += 4 * W)
    for (int k = 0; k < 4; k++) sums[k] = join(kind, sums[k], at(i + k * W));
  for (; i + W <= n; i += W) sums[0] = join(kind, sums[0], at(i));
  F all = join(kind, join(kind, sums[0], sums[1]), join(kind, sums[2], sums[3]));
  float lanes[W];
  store(lanes, all);
  for (int half = W / 2; half > 0; half /= 2)
    for (int k = 0; k < half; k++) lanes[k] = joinOne(kind, lanes[k], lanes[k + half]);
  float total = lanes[0];
  for (; i < n; i++) total = joinOne(kind, total, squares ? x[i] * x[i] : x[i]);
  return total;
}

// Rows longer than this are cut into pieces whose results are joined: the same cuts whatever the threads.
constexpr int64_t kPiece = 16384;

template <bool squares>
inline void rows(Context &context, Kind kind, const float *x, float *y, int64_t outer, int64_t count) {
  if (count <= 2 * kPiece) {
    const int64_t group = most(1, kPiece / most(1, count));
    context.pool.run(ceilDiv(outer, group), [&](int64_t i, int) {
      for (int64_t r = i * group; r < least(outer, (i + 1) * group); r++) y[r] = row<squares>(kind, x + r * count, count);
    });
    return;
  }
  const int64_t pieces = ceilDiv(count, kPiece);
  float *parts = context.shared<float>(static_cast<size_t>(outer * pieces));
  context.pool.run(outer * pieces, [&](int64_t i, int) {
    const int64_t start = i % pieces * kPiece;
    parts[i] = row<squares>(kind, x + i / pieces * count + start, least(kPiece, count - start));
  });
  for (int64_t r = 0; r < outer; r++) y[r] = row<false>(kind, parts + r * pieces, pieces);
}

inline void columns(Context &context, Kind kind, const float *x, float *y, int64_t outer, int64_t count,
                    int64_t inner) {
  constexpr int64_t width = 64;
  const int64_t blocks = ceilDiv(inner, width);
  context.pool.run(outer * blocks, [&](int64_t i, int) {
    const int64_t start = i % blocks * width, n = least(width, inner - start);
    const float *from = x + i / blocks * count * inner + start;
    float *to = y + i / blocks * inner + start;
    for (int64_t j = 0; j < n; j += W) {
      const int64_t part = least(W, n - j);
      F total = splat(startOf(kind));
      for (int64_t k = 0; k < count; k++)
        total = join(kind, total, part == W ? load(from + k * inner + j) : loadPart(from + k * inner + j, part));
      if (part == W) store(to + j, total);
      else storePart(to + j, total, part);
    }
  });
}

// ints: kind, dtype, outer, count, inner; sums of squares are of f32 and have an inner of 1.
inline void run(Context &context, const Args &args) {
  const Kind kind = static_cast<Kind>(args.ints[0]);
  const int64_t outer = args.ints[2], count = args.ints[3], inner = args.ints[4];
  if (args.ints[1] == 0) {
    if (kind == kSquares) return rows<true>(context, kSum, args.at(0), args.at(1), outer, count);
    if (inner == 1) return rows<false>(context, kind, args.at(0), args.at(1), outer, count);
    return columns(context, kind, args.at(0), args.at(1), outer, count, inner);
  }
  const int32_t *x = args.at<int32_t>(0);
  int32_t *y = args.at<int32_t>(1);
  for (int64_t o = 0; o < outer; o++)
    for (int64_t i = 0; i < inner; i++) {
      int64_t total = kind == kSum ? 0 : kind == kMax ? INT32_MIN : INT32_MAX;
      for (int64_t k = 0; k < count; k++) {
        int64_t value = x[(o * count + k) * inner + i];
        total = kind == kSum ? total + value : kind == kMax ? most(total, value) : least(total, value);
      }
      y[o * inner + i] = static_cast<int32_t>(total);
    }
}

template <class T>
inline void cumulate(Context &context, const Args &args, const T *x, T *y) {
  const int64_t outer = args.ints[1], count = args.ints[2], inner = args.ints[3];
  const bool reverse = args.ints[4] != 0, exclusive = args.ints[5] != 0;
  context.pool.run(outer * inner, [&](int64_t line, int) {
    const int64_t start = line / inner * count * inner + line % inner;
    T total = 0;
    for (int64_t step = 0; step < count; step++) {
      const int64_t i = start + (reverse ? count - 1 - step : step) * inner;
      const T value = x[i];
      y[i] = exclusive ? total : total + value;
      total += value;
    }
  });
}

// ints: dtype, outer, count, inner, reverse, exclusive.
inline void cumsum(Context &context, const Args &args) {
  if (args.ints[0] == 0) cumulate<float>(context, args, args.at(0), args.at(1));
  else cumulate<int32_t>(context, args, args.at<int32_t>(0), args.at<int32_t>(1));
}

// ints: rows, width, dtype; the first of ties.
inline void argmax(Context &context, const Args &args) {
  const int64_t count = args.ints[0], width = args.ints[1];
  const bool whole = args.ints[2] != 0;
  int32_t *y = args.at<int32_t>(1);
  context.pool.run(count, [&](int64_t r, int) {
    int64_t best = 0;
    if (whole) {
      const int32_t *x = args.at<int32_t>(0) + r * width;
      for (int64_t i = 1; i < width; i++) best = x[i] > x[best] ? i : best;
    } else {
      const float *x = args.at(0) + r * width;
      // The largest value first, by vectors, then its first place; NaN compares as in a plain scan.
      const float top = row<false>(kMax, x, width);
      if (std::isnan(top)) {
        for (int64_t i = 1; i < width; i++) best = x[i] > x[best] ? i : best;
      } else {
        while (x[best] != top) best++;
      }
    }
    y[r] = static_cast<int32_t>(best);
  });
}

// ints: rows, width, k, largest. Outputs values and indices, either may be left out.
inline void topK(Context &context, const Args &args) {
  const int64_t count = args.ints[0], width = args.ints[1], k = args.ints[2];
  const bool largest = args.ints[3] != 0;
  context.reserve(static_cast<size_t>(width) * 4);
  context.pool.run(count, [&](int64_t r, int thread) {
    const float *x = args.at(0) + r * width;
    int32_t *order = context.own<int32_t>(thread);
    for (int64_t i = 0; i < width; i++) order[i] = static_cast<int32_t>(i);
    auto before = [x, largest](int32_t a, int32_t b) {
      if (x[a] == x[b]) return a < b;
      return largest ? x[a] > x[b] : x[a] < x[b];
    };
    std::partial_sort(order, order + k, order + width, before);
    for (int64_t i = 0; i < k; i++) {
      if (args.slots[1]) args.at(1)[r * k + i] = x[order[i]];
      if (args.slots[2]) args.at<int32_t>(2)[r * k + i] = order[i];
    }
  });
}

} // namespace tl::TL_SET::reduction
