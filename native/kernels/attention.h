// Attention: blocks of queries against all keys in their reach; scores of a block stay in cache and are never stored.
#pragma once
#include "attentionCommon.h"

namespace tl::TL_SET::attention {

struct Problem {
  Sizes z;
  Masks m;
  float scale;
  const float *q, *k, *v; // q [B, T, H, D]
  int64_t keyBatch, keyHead, keyRow;
  const float *bias;
  int64_t biasBatch, biasHead, biasRow;
  float *out, *lse; // lse [B, H, T] or null

  Matrix query(int64_t b, int64_t h, int64_t t) const {
    return {q + ((b * z.queries + t) * z.heads + h) * z.width, z.heads * z.width, 1};
  }
  Matrix key(const float *base, int64_t b, int64_t kvHead) const {
    return {base + b * keyBatch + kvHead * keyHead, keyRow, 1};
  }
};

// One row of scores over keys [from, to) to probabilities; what is not seen becomes 0. Returns the log-sum-exp.
inline float softmaxRow(const Problem &p, int64_t b, int64_t h, int64_t t, float *s, int64_t from, int64_t to) {
  const Reach reach = reachOf(p.m, p.z, b, t);
  const int64_t start = most(from, reach.from) - from, end = least(to, reach.to) - from, n = end - start;
  if (start > 0) std::memset(s, 0, static_cast<size_t>(start) * 4);
  if (end < to - from) std::memset(s + end, 0, static_cast<size_t>(to - from - end) * 4);
  float *x = s + start;
  if (p.m.softCap > 0) cap(x, n, p.m.softCap);
  if (p.bias) {
    const float *bias = p.bias + b * p.biasBatch + h * p.biasHead + t * p.biasRow + from + start;
    for (int64_t i = 0; i < n; i++) x[i] += bias[i];
  }
  if (!plain(p.m))
    for (int64_t i = 0; i < n; i++)
      if (!sees(p.m, p.z, b, t, from + start + i)) x[i] = -INFINITY;
  const int64_t whole = n / W * W;
  F top = splat(-INFINITY);
  for (int64_t i = 0; i < whole; i += W) top = larger(top, load(x + i));
  float best = largestOf(top);
  for (int64_t i = whole; i < n; i++) best = x[i] > best || std::isnan(x[i]) ? x[i] : best;
  F total{};
  for (int64_t i = 0; i < whole; i += W) {
    const F y = expNegative(load(x + i) - best);
    store(x + i, y);
    total += y;
  }
  float sum = sumOf(total);
  if (whole < n) {
    const F y = expNegative(loadPart(x + whole, n - whole) - best);
    storePart(x + whole, y, n - whole);
    for (int64_t i = whole; i < n; i++) sum += x[i];
  }
  const float part = 1 / sum;
  for (int64_t i = 0; i < whole; i += W) store(x + i, load(x + i) * part);
  for (int64_t i = whole; i < n; i++) x[i] *= part;
  return best + std::log(sum);
}

inline void forwardBlock(const Problem &p, const float *keys, const float *values, int64_t b, int64_t h, int64_t start,
                         float *memory) {
  const Sizes &z = p.z;
  const int64_t rows = least(kQueries, z.queries - start);
  const Reach reach = reachOfBlock(p.m, z, b, start, start + rows);
  const int64_t n = reach.to - reach.from, chunks = chunksOf(z.width), across = roundUp(n, W);
  float *queries = memory, *scores = queries + kQueries * chunks * kCells, *weights = scores + kQueries * roundUp(z.keys, W);
  packPanels(queries, p.query(b, h, start), rows, z.width);
  Target to{scores, across, p.scale};
  eachReach(p.m, z, b, start, rows, reach, kColumns, [&](int64_t i, int64_t some, int64_t seen) {
    multiply(queries + i * chunks * kCells, keys + reach.from * chunks * kCells, some, seen, chunks, chunks, chunks, false, to.at(i, 0));
  });
  for (int64_t i = 0; i < rows; i++) {
    const float lse = softmaxRow(p, b, h, start + i, scores + i * across, reach.from, reach.to);
    if (p.lse) p.lse[(b * z.heads + h) * z.queries + start + i] = lse;
  }
  packPanels(weights, {scores, across, 1}, rows, n);
  Target out{p.out + ((b * z.queries + start) * z.heads + h) * z.width, z.heads * z.width};
  eachReach(p.m, z, b, start, rows, reach, kChunk, [&](int64_t i, int64_t some, int64_t seen) {
    multiply(weights + i * chunksOf(n) * kCells, fromKey(values, reach.from), some, z.width, chunksOf(seen), chunksOf(n),
             chunksOf(z.keys), false, out.at(i, 0));
  });
}

inline void forward(Context &context, const Problem &p) {
  const Sizes &z = p.z;
  const int64_t perHead = acrossFloats(z) + alongFloats(z), blocks = ceilDiv(z.queries, kQueries);
  float *packed = context.shared<float>(static_cast<size_t>(z.batch * z.kvHeads * perHead));
  context.pool.run(2 * z.batch * z.kvHeads, [&](int64_t task, int) {
    const int64_t i = task / 2, b = i / z.kvHeads, head = i % z.kvHeads;
    if (task % 2 == 0) packAcross(packed + i * perHead, p.key(p.k, b, head), z);
    else packAlong(packed + i * perHead + acrossFloats(z), p.key(p.v, b, head), z);
  });
  context.reserve(static_cast<size_t>(kQueries * (chunksOf(z.width) * kCells + 2 * roundUp(z.keys, kChunk))) * 4);
  // The longest rows first, so that threads end together.
  context.pool.run(blocks * z.batch * z.heads, [&](int64_t task, int thread) {
    const int64_t i = task % (z.batch * z.heads), b = i / z.heads, h = i % z.heads;
    const float *keys = packed + (b * z.kvHeads + h / z.groups()) * perHead;
    forwardBlock(p, keys, keys + acrossFloats(z), b, h, (blocks - 1 - task / (z.batch * z.heads)) * kQueries,
                 context.own<float>(thread));
  });
}

// Slots q, k, v, segments, bias, segments of keys, prefix, out, lse. ints: B, T, S, H, KV, D, causal, window, and the
// bias's strides by sequence, head and query; floats: scale, soft cap.
inline void run(Context &context, const Args &args) {
  const int64_t *n = args.ints;
  Problem p{};
  p.z = {n[0], n[1], n[2], n[3], n[4], n[5]};
  p.m.causal = n[6] != 0;
  p.m.window = n[7];
  p.m.softCap = args.f(1);
  p.m.segments = args.at<int32_t>(3);
  p.m.keySegments = args.at<int32_t>(5);
  p.m.prefix = args.at<int32_t>(6);
  p.scale = args.f(0);
  p.q = args.at(0);
  p.k = args.at(1);
  p.v = args.at(2);
  p.keyRow = n[4] * n[5];
  p.keyBatch = n[2] * p.keyRow;
  p.keyHead = n[5];
  p.bias = args.at(4);
  p.biasBatch = n[8];
  p.biasHead = n[9];
  p.biasRow = n[10];
  p.out = args.at(7);
  p.lse = args.at(8);
  forward(context, p);
}

} // namespace tl::TL_SET::attention
