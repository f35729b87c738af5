// Kernels that work row by row: norms and rotary embeddings.
#pragma once
#include "../simd/math.h"

namespace tl::TL_SET::rowwise {

// Rows per task: a few tens of microseconds.
inline int64_t groupOf(int64_t width) { return most(1, 16384 / most(1, width)); }

template <class Row> inline void eachRow(Context &context, int64_t rows, int64_t width, Row row) {
  const int64_t group = groupOf(width);
  context.pool.run(ceilDiv(rows, group), [&](int64_t task, int) {
    for (int64_t r = task * group; r < least(rows, (task + 1) * group); r++) row(r);
  });
}

// Σ f(i) over a row, f giving vectors of W from element i on (`n` of them are real).
template <class Term> inline float sumOver(int64_t width, Term term) {
  F a{}, b{};
  int64_t i = 0;
  for (; i + 2 * W <= width; i += 2 * W) {
    a += term(i, W);
    b += term(i + W, W);
  }
  for (; i + W <= width; i += W) a += term(i, W);
  if (i < width) a += term(i, width - i);
  return sumOf(a + b);
}

inline F some(const float *p, int64_t n) { return n == W ? load(p) : loadPart(p, n); }

template <class Value> inline void fillRow(float *to, int64_t width, Value value) {
  int64_t i = 0;
  for (; i + W <= width; i += W) store(to + i, value(i, W));
  if (i < width) storePart(to + i, value(i, width - i), width - i);
}

// y = w x ρ. Slots x, w, y, ρ or none. ints: rows, width; floats: ε.
inline void rmsNorm(Context &context, const Args &args) {
  const int64_t width = args.ints[1];
  const float *w = args.at(1);
  eachRow(context, args.ints[0], width, [&](int64_t r) {
    const float *x = args.at(0) + r * width;
    const float squares = sumOver(width, [&](int64_t i, int64_t n) {
      const F v = some(x + i, n);
      return v * v;
    });
    const float rho = 1 / std::sqrt(squares / static_cast<float>(width) + args.f(0));
    if (args.slots[3]) args.at(3)[r] = rho;
    fillRow(args.at(2) + r * width, width,
            [&](int64_t i, int64_t n) { return some(x + i, n) * rho * some(w + i, n); });
  });
}

// dx = ρ (g - x̂ mean(g x̂)), g = dy w, x̂ = x ρ. Slots dy, x, w, ρ, what is added or none, dx. ints: rows, width.
inline void rmsNormGrad(Context &context, const Args &args) {
  const int64_t width = args.ints[1];
  const float *w = args.at(2), *add = args.at(4);
  eachRow(context, args.ints[0], width, [&](int64_t r) {
    const float *dy = args.at(0) + r * width, *x = args.at(1) + r * width;
    const float rho = args.at(3)[r];
    const float dot = sumOver(
        width, [&](int64_t i, int64_t n) { return some(dy + i, n) * some(w + i, n) * (some(x + i, n) * rho); });
    const float mean = dot / static_cast<float>(width);
    fillRow(args.at(5) + r * width, width, [&](int64_t i, int64_t n) {
      F v = (some(dy + i, n) * some(w + i, n) - some(x + i, n) * rho * mean) * rho;
      if (add) v += some(add + r * width + i, n);
      return v;
    });
  });
}

// Slots x [tokens, heads, width], positions [tokens], cos and sin [limit, pairs], y.
// ints: tokens, heads, width, pairs, limit; floats: 1, or -1 to rotate backwards.
inline void rotary(Context &context, const Args &args) {
  const int64_t heads = args.ints[1], width = args.ints[2], pairs = args.ints[3], limit = args.ints[4];
  const int32_t *positions = args.at<int32_t>(1);
  for (int64_t t = 0; t < args.ints[0]; t++)
    if (positions[t] < 0 || positions[t] >= limit)
      return context.fail("rotary: expected positions in [0, %lld) but found %d at %lld",
                          static_cast<long long>(limit), positions[t], static_cast<long long>(t));
  eachRow(context, args.ints[0], heads * width, [&](int64_t t) {
    const float *cos = args.at(2) + positions[t] * pairs, *sin = args.at(3) + positions[t] * pairs;
    const float direction = args.f(0);
    for (int64_t h = 0; h < heads; h++) {
      const float *x = args.at(0) + (t * heads + h) * width;
      float *y = args.at(4) + (t * heads + h) * width;
      fillRow(y, pairs, [&](int64_t i, int64_t n) {
        return some(x + i, n) * some(cos + i, n) - some(x + pairs + i, n) * (some(sin + i, n) * direction);
      });
      fillRow(y + pairs, pairs, [&](int64_t i, int64_t n) {
        return some(x + pairs + i, n) * some(cos + i, n) + some(x + i, n) * (some(sin + i, n) * direction);
      });
      if (2 * pairs < width) std::memcpy(y + 2 * pairs, x + 2 * pairs, static_cast<size_t>(width - 2 * pairs) * 4);
    }
  });
}

} // namespace tl::TL_SET::rowwise
