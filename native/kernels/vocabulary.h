// Log-probabilities over the vocabulary, streamed: logits exist for some thousand tokens at a time.
#pragma once
#include "../simd/math.h"
#include "gemm.h"
#include "index.h"

namespace tl::TL_SET::vocabulary {

// Tokens of the vocabulary at once.
constexpr int64_t kTokens = 2048;
// Rows at once, which bounds the logits' memory.
constexpr int64_t kAtOnce = 2048;

struct Problem {
  int64_t rows, tokens, width;
  float slope; // of the logits by h Wᵀ
  const float *hidden;
  Matrix head;
  const int32_t *targets;
};

// What is known of each row's softmax after some chunks.
struct Running {
  float *top, *sum, *chosen;
};

// exp(logit - top) in place of logits; `factor` is what earlier sums must be multiplied by.
inline void advance(const Running &running, int64_t r, float *x, int64_t n, float &factor) {
  F best = splat(-INFINITY);
  const int64_t whole = n / W * W;
  for (int64_t i = 0; i < whole; i += W) best = larger(best, load(x + i));
  const float here = largestOf(best);
  float top = here > running.top[r] || std::isnan(here) ? here : running.top[r];
  for (int64_t i = whole; i < n; i++) top = x[i] > top || std::isnan(x[i]) ? x[i] : top;
  factor = std::exp(running.top[r] - top);
  F total{};
  for (int64_t i = 0; i < whole; i += W) {
    const F y = expNegative(load(x + i) - top);
    store(x + i, y);
    total += y;
  }
  float sum = sumOf(total);
  for (int64_t i = whole; i < n; i++) sum += x[i] = std::exp(x[i] - top);
  running.sum[r] = running.sum[r] * factor + sum;
  running.top[r] = top;
}

// Logits of rows [from, from + rows) and tokens [start, start + n).
inline void logits(Context &context, const Problem &p, int64_t from, int64_t rows, int64_t start, int64_t n, float *to) {
  Product product_{rows, n, p.width, {p.hidden + from * p.width, p.width, 1}, p.head.at(start, 0).transposed(), {}};
  product_.target.c = to;
  product_.target.row = n;
  product_.target.alpha = p.slope;
  product(context, product_);
}

// Calls use(start, count, weights) for each chunk of tokens, with exp(logit - top so far) for all rows.
template <class Use>
inline void stream(Context &context, const Problem &p, int64_t from, int64_t rows, float *weights, const Running &running,
                   float *direction, Use use) {
  for (int64_t r = 0; r < rows; r++) {
    running.top[r] = -INFINITY;
    running.sum[r] = 0;
  }
  for (int64_t start = 0; start < p.tokens; start += kTokens) {
    const int64_t n = least(kTokens, p.tokens - start);
    logits(context, p, from, rows, start, n, weights);
    context.pool.run(ceilDiv(rows, 8), [&](int64_t task, int) {
      for (int64_t r = task * 8; r < least(rows, task * 8 + 8); r++) {
        const int64_t target = p.targets[from + r] - start;
        if (target >= 0 && target < n) running.chosen[r] = weights[r * n + target];
        float factor;
        advance(running, r, weights + r * n, n, factor);
        if (direction && start > 0 && factor != 1)
          for (int64_t i = 0; i < p.width; i++) direction[r * p.width + i] *= factor;
      }
    });
    use(start, n);
  }
}

inline Problem read(const Args &args, int64_t bits = 0, const float *scales = nullptr) {
  const Form form = bits == 8 ? Form::int8 : bits == 4 ? Form::int4 : args.forms[1];
  return {args.ints[0],
          args.ints[1],
          args.ints[2],
          args.f(0),
          args.at(0),
          {args.at(1), args.ints[2], 1, form, scales},
          args.at<int32_t>(2)};
}

// Slots hidden [N, D], head [V, D], targets [N], scales of the head's codes or none, then, each or none, ln p [N], ∂ ln p/∂h [N, D] and
// the softmax's largest logits and sums [2, N]. ints: N, V, D, bits of the codes, 0 where it has none; floats: slope.
inline void logprobs(Context &context, const Args &args) {
  const Problem p = read(args, args.ints[3], args.at(3));
  if (!indexing::within(context, "vocabularyStatistics", p.targets, p.rows, p.tokens)) return;
  const int64_t atOnce = least(kAtOnce, p.rows), chunk = least(kTokens, p.tokens);
  float *weights = context.workspace<float>(static_cast<size_t>(atOnce * (chunk + 3)));
  const Running running{weights + atOnce * chunk, weights + atOnce * (chunk + 1), weights + atOnce * (chunk + 2)};
  for (int64_t from = 0; from < p.rows; from += atOnce) {
    const int64_t rows = least(atOnce, p.rows - from);
    float *direction = args.slots[5] ? args.at(5) + from * p.width : nullptr;
    stream(context, p, from, rows, weights, running, direction, [&](int64_t start, int64_t n) {
      if (!direction) return;
      Product back{rows, p.width, n, {weights, n, 1}, p.head.at(start, 0), {}};
      back.target.c = direction;
      back.target.row = p.width;
      back.target.accumulate = start > 0;
      product(context, back);
    });
    context.pool.run(ceilDiv(rows, 16), [&](int64_t task, int) {
      for (int64_t r = task * 16; r < least(rows, task * 16 + 16); r++) {
        if (args.slots[4]) args.at(4)[from + r] = (running.chosen[r] - running.top[r]) - std::log(running.sum[r]);
        if (args.slots[6]) {
          args.at(6)[from + r] = running.top[r];
          args.at(6)[p.rows + from + r] = running.sum[r];
        }
        if (!direction) continue;
        const float part = p.slope / running.sum[r];
        elementsOf(p.head.at(p.targets[from + r], 0), [&](const auto &own) {
          for (int64_t i = 0; i < p.width; i++)
            direction[r * p.width + i] = p.slope * own.one(i) - part * direction[r * p.width + i];
        });
      }
    });
  }
}

// dW_v = Σ_n c_n (1[v = t_n] - p_nv) s h_n. Slots hidden, head, targets, c [N], the softmax [2, N] that `logprobs` gave, dW. ints and
// floats as there.
inline void headGrad(Context &context, const Args &args) {
  const Problem p = read(args);
  const float *c = args.at(3), *tops = args.at(4), *sums = tops + p.rows;
  if (!indexing::within(context, "vocabularyStatisticsGrad", p.targets, p.rows, p.tokens)) return;
  const int64_t atOnce = least(kAtOnce, p.rows);
  float *weights = context.workspace<float>(static_cast<size_t>(atOnce * least(kTokens, p.tokens)));
  for (int64_t from = 0; from < p.rows; from += atOnce) {
    const int64_t rows = least(atOnce, p.rows - from);
    for (int64_t start = 0; start < p.tokens; start += kTokens) {
      const int64_t n = least(kTokens, p.tokens - start);
      logits(context, p, from, rows, start, n, weights);
      context.pool.run(ceilDiv(rows, 8), [&](int64_t task, int) {
        for (int64_t r = task * 8; r < least(rows, task * 8 + 8); r++) {
          float *x = weights + r * n;
          const float factor = -c[from + r] / sums[from + r], top = tops[from + r];
          int64_t i = 0;
          for (; i + W <= n; i += W) store(x + i, expNegative(load(x + i) - top) * factor);
          for (; i < n; i++) x[i] = std::exp(x[i] - top) * factor;
          const int64_t target = p.targets[from + r] - start;
          if (target >= 0 && target < n) x[target] += c[from + r];
        }
      });
      Product back{n, p.width, rows, {weights, 1, n}, {p.hidden + from * p.width, p.width, 1}, {}};
      back.target.c = args.at(5) + start * p.width;
      back.target.row = p.width;
      back.target.alpha = p.slope;
      back.target.accumulate = from > 0;
      product(context, back);
    }
  }
}

} // namespace tl::TL_SET::vocabulary
