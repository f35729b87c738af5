// The gradient of attention, from q, k, v and do alone. Probabilities are made twice: by blocks of queries for dq, which
// also gives each row's log-sum-exp and Σ P ∘ do vᵀ, then from these by blocks of keys for dk and dv. So every result has one
// writer and no sum depends on the threads.
#pragma once
#include "attentionCommon.h"

namespace tl::TL_SET::attention {

struct GradProblem {
  Sizes z;
  Masks m;
  float scale;
  const float *q, *k, *v, *dout;
  float *dq, *dk, *dv;
  float *lse, *delta; // [B, H, T], made by the first pass

  Matrix rows(const float *base, int64_t heads, int64_t length, int64_t b, int64_t h, int64_t t) const {
    return {base + ((b * length + t) * heads + h) * z.width, heads * z.width, 1};
  }
  Matrix query(const float *base, int64_t b, int64_t h, int64_t t) const {
    return rows(base, z.heads, z.queries, b, h, t);
  }
  Matrix key(const float *base, int64_t b, int64_t h, int64_t t) const { return rows(base, z.kvHeads, z.keys, b, h, t); }
};

// Keys of one query within a block [from, to), as places in it; the rest of both rows becomes 0.
inline Reach clipRow(const GradProblem &p, int64_t b, int64_t t, float *s, float *d, int64_t from, int64_t to) {
  const Reach reach = reachOf(p.m, p.z, b, t);
  const int64_t n = to - from, start = least(n, most(0, reach.from - from)), end = most(start, least(n, reach.to - from));
  for (float *x : {s, d}) {
    std::memset(x, 0, static_cast<size_t>(start) * 4);
    std::memset(x + end, 0, static_cast<size_t>(n - end) * 4);
  }
  return {start, end};
}

inline F some(const float *p, int64_t n) { return n == W ? load(p) : loadPart(p, n); }
inline void put(float *p, F v, int64_t n) {
  if (n == W) store(p, v);
  else storePart(p, v, n);
}

// Scores become probabilities, do vᵀ becomes s dS, given the row's log-sum-exp and Σ P ∘ do vᵀ.
inline void slopesOf(const GradProblem &p, float *s, float *d, int64_t n, float lse, float delta) {
  const float c = p.m.softCap;
  for (int64_t i = 0; i < n; i += W) {
    const int64_t part = least(W, n - i);
    F x = some(s + i, part);
    F slope = splat(p.scale);
    if (c > 0) {
      const F t = larger(x, splat(-c)) / c; // hidden scores are -infinity
      slope *= 1.0f - t * t;
    }
    const F y = expNegative(x - lse);
    put(s + i, y, part);
    put(d + i, y * (some(d + i, part) - delta) * slope, part);
  }
}

// -infinity where a key within reach is not seen.
inline void hide(const GradProblem &p, int64_t b, int64_t t, float *s, int64_t first, int64_t n) {
  if (plain(p.m)) return;
  for (int64_t i = 0; i < n; i++)
    if (!sees(p.m, p.z, b, t, first + i)) s[i] = -INFINITY;
}

// One query over all keys that it can see: its statistics, then as `slopesOf`.
inline void wholeRow(const GradProblem &p, int64_t b, int64_t h, int64_t t, float *s, float *d, int64_t from, int64_t to) {
  const Reach reach = clipRow(p, b, t, s, d, from, to);
  const int64_t n = reach.to - reach.from;
  s += reach.from;
  d += reach.from;
  if (p.m.softCap > 0) cap(s, n, p.m.softCap);
  hide(p, b, t, s, from + reach.from, n);
  F top = splat(-INFINITY);
  int64_t i = 0;
  for (; i + W <= n; i += W) top = larger(top, load(s + i));
  float best = largestOf(top);
  for (; i < n; i++) best = s[i] > best || std::isnan(s[i]) ? s[i] : best;
  F total{}, product{};
  for (i = 0; i + W <= n; i += W) {
    const F y = expNegative(load(s + i) - best);
    total += y;
    product += y * load(d + i);
  }
  float sum = sumOf(total), dot = sumOf(product);
  for (; i < n; i++) {
    const float y = std::exp(s[i] - best);
    sum += y;
    dot += y * d[i];
  }
  const int64_t row = (b * p.z.heads + h) * p.z.queries + t;
  p.lse[row] = best + std::log(sum);
  p.delta[row] = dot / sum;
  slopesOf(p, s, d, n, p.lse[row], p.delta[row]);
}

// The same of a part of its keys, from the statistics.
inline void partRow(const GradProblem &p, int64_t b, int64_t h, int64_t t, float *s, float *d, int64_t from, int64_t to) {
  const Reach reach = clipRow(p, b, t, s, d, from, to);
  const int64_t n = reach.to - reach.from, row = (b * p.z.heads + h) * p.z.queries + t;
  if (p.m.softCap > 0) cap(s + reach.from, n, p.m.softCap);
  hide(p, b, t, s + reach.from, from + reach.from, n);
  slopesOf(p, s + reach.from, d + reach.from, n, p.lse[row], p.delta[row]);
}

struct BlockMemory {
  float *queries, *douts, *scores, *slopes;
};

// Scores and do vᵀ of a block of queries and keys [from, to).
inline void scoresOf(const GradProblem &p, const BlockMemory &memory, const float *keys, const float *values, int64_t b,
                     int64_t h, int64_t start, int64_t rows, int64_t from, int64_t to) {
  const int64_t chunks = chunksOf(p.z.width), across = roundUp(to - from, W);
  packBlock(memory.queries, p.query(p.q, b, h, start), rows, p.z.width);
  packBlock(memory.douts, p.query(p.dout, b, h, start), rows, p.z.width);
  multiply(memory.queries, keys + from * chunks * kChunk, rows, to - from, chunks, chunks, chunks, false,
           {memory.scores, across, p.scale});
  multiply(memory.douts, values + from * chunks * kChunk, rows, to - from, chunks, chunks, chunks, false,
           {memory.slopes, across});
}

inline void queriesTask(const GradProblem &p, const float *keys, const float *values, const float *along,
                        int64_t b, int64_t h, int64_t start, float *memory) {
  const Sizes &z = p.z;
  const int64_t chunks = chunksOf(z.width), rows = least(kQueries, z.queries - start);
  const int64_t block = kQueries * chunks * kChunk, wide = kQueries * roundUp(z.keys, kChunk);
  const BlockMemory parts{memory, memory + block, memory + 2 * block, memory + 2 * block + wide};
  float *packed = memory + 2 * block + 2 * wide;
  const Reach reach = reachOfBlock(p.m, z, b, start, start + rows);
  const int64_t n = reach.to - reach.from;
  scoresOf(p, parts, keys, values, b, h, start, rows, reach.from, reach.to);
  for (int64_t i = 0; i < rows; i++)
    wholeRow(p, b, h, start + i, parts.scores + i * roundUp(n, W), parts.slopes + i * roundUp(n, W), reach.from, reach.to);
  packBlock(packed, {parts.slopes, roundUp(n, W), 1}, rows, n);
  multiply(packed, along + reach.from * kColumns, rows, z.width, chunksOf(n), chunksOf(n), chunksOf(z.keys), false,
           {p.dq + ((b * z.queries + start) * z.heads + h) * z.width, z.heads * z.width});
}

constexpr int64_t kKeys = roundUp(128, kStep);

// dk and dv of one block of keys, over all queries of its group's heads.
inline void keysTask(const GradProblem &p, const float *keys, const float *values, int64_t b, int64_t kvHead,
                     int64_t from, float *memory) {
  const Sizes &z = p.z;
  const int64_t to = least(z.keys, from + kKeys), n = to - from, chunks = chunksOf(z.width), across = roundUp(n, W);
  const int64_t block = kQueries * chunks * kChunk, square = kQueries * kKeys;
  const BlockMemory parts{memory, memory + block, memory + 2 * block, memory + 2 * block + square};
  const int64_t inner = chunksOf(kQueries) * kChunk;
  float *left = memory + 2 * block + 2 * square, *right = left + roundUp(kKeys, kRows) * inner;
  bool first = true;
  for (int64_t h = kvHead * z.groups(); h < (kvHead + 1) * z.groups(); h++)
    for (int64_t start = 0; start < z.queries; start += kQueries) {
      const int64_t rows = least(kQueries, z.queries - start);
      const Reach reach = reachOfBlock(p.m, z, b, start, start + rows);
      if (reach.to <= from || reach.from >= to) continue;
      scoresOf(p, parts, keys, values, b, h, start, rows, from, to);
      for (int64_t i = 0; i < rows; i++)
        partRow(p, b, h, start + i, parts.scores + i * across, parts.slopes + i * across, from, to);
      auto add = [&](const float *weights, const float *other, float *target) {
        const int64_t used = chunksOf(rows), size = used * kChunk * kColumns;
        packBlock(left, {weights, 1, across}, n, rows);
        for (int64_t c = 0; c < widthPanels(z); c++)
          packColumns(right + c * size, p.query(other, b, h, start).at(0, c * kColumns),
                      least(kColumns, z.width - c * kColumns), rows);
        Target t{target + ((b * z.keys + from) * z.kvHeads + kvHead) * z.width, z.kvHeads * z.width};
        t.accumulate = !first;
        multiply(left, right, n, z.width, used, used, used, true, t);
      };
      add(parts.scores, p.dout, p.dv);
      add(parts.slopes, p.q, p.dk);
      first = false;
    }
  if (!first) return;
  for (int64_t j = from; j < to; j++)
    for (float *target : {p.dk, p.dv})
      std::memset(target + ((b * z.keys + j) * z.kvHeads + kvHead) * z.width, 0, static_cast<size_t>(z.width) * 4);
}

// Slots q, k, v, segments, do, segments of keys, prefix, dq, dk, dv. ints and floats as of `attention`.
inline void gradient(Context &context, const Args &args) {
  const int64_t *n = args.ints;
  GradProblem p{};
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
  p.dout = args.at(4);
  p.dq = args.at(7);
  p.dk = args.at(8);
  p.dv = args.at(9);
  const Sizes &z = p.z;
  const int64_t across = acrossFloats(z), perHead = 2 * across + alongFloats(z), kv = z.batch * z.kvHeads;
  const int64_t statistics = z.batch * z.heads * z.queries;
  float *packed = context.shared<float>(static_cast<size_t>(kv * perHead + 2 * statistics));
  p.lse = packed + kv * perHead;
  p.delta = p.lse + statistics;
  const int64_t blocks = ceilDiv(z.queries, kQueries), keyBlocks = ceilDiv(z.keys, kKeys);
  context.pool.run(3 * kv, [&](int64_t task, int) {
    const int64_t i = task / 3, b = i / z.kvHeads, h = i % z.kvHeads;
    float *to = packed + i * perHead;
    if (task % 3 == 0) packAcross(to, p.key(p.k, b, h, 0), z);
    else if (task % 3 == 1) packAcross(to + across, p.key(p.v, b, h, 0), z);
    else packAlong(to + 2 * across, p.key(p.k, b, h, 0), z);
  });
  const int64_t block = kQueries * chunksOf(z.width) * kChunk;
  const int64_t forQueries = 2 * block + 3 * kQueries * roundUp(z.keys, kChunk);
  const int64_t inner = chunksOf(kQueries) * kChunk;
  const int64_t forKeys = 2 * block + 2 * kQueries * kKeys + (roundUp(kKeys, kRows) + widthPanels(z) * kColumns) * inner;
  context.reserve(static_cast<size_t>(most(forQueries, forKeys)) * 4);
  // The longest rows first, so that threads end together.
  context.pool.run(blocks * z.batch * z.heads, [&](int64_t task, int thread) {
    const int64_t i = task % (z.batch * z.heads), b = i / z.heads, h = i % z.heads;
    const float *keys = packed + (b * z.kvHeads + h / z.groups()) * perHead;
    queriesTask(p, keys, keys + across, keys + 2 * across, b, h, (blocks - 1 - task / (z.batch * z.heads)) * kQueries,
                context.own<float>(thread));
  });
  context.pool.run(keyBlocks * kv, [&](int64_t task, int thread) {
    const int64_t i = task % kv;
    const float *keys = packed + i * perHead;
    keysTask(p, keys, keys + across, i / z.kvHeads, i % z.kvHeads, task / kv * kKeys, context.own<float>(thread));
  });
}

} // namespace tl::TL_SET::attention
