// The gradient of attention, from q, k, v and do alone, in five products: by blocks of queries scores, do vᵀ and dq, and what
// the block adds to dk and dv. A part of the queries of a head adds to sums of its own, which are added up in order at the end,
// so that every sum has one writer and no result depends on the threads.
#pragma once
#include "attentionCommon.h"

namespace tl::TL_SET::attention {

struct GradProblem {
  Sizes z;
  Masks m;
  float scale;
  const float *q, *k, *v, *dout;
  float *dq, *dk, *dv;
  // dk and dv of parts [B, H, parts, S, D]; null where there is one for each head of keys.
  int64_t parts;
  float *partsK, *partsV;

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

// -infinity where a key within reach is not seen.
inline void hide(const GradProblem &p, int64_t b, int64_t t, float *s, int64_t first, int64_t n) {
  if (plain(p.m)) return;
  for (int64_t i = 0; i < n; i++)
    if (!sees(p.m, p.z, b, t, first + i)) s[i] = -INFINITY;
}

// One query over keys [from, to): scores become probabilities P, do vᵀ becomes s P ∘ (do vᵀ - Σ P ∘ do vᵀ). `slopes`: room
// for the slopes of a soft cap.
inline void rowOf(const GradProblem &p, int64_t b, int64_t t, float *s, float *d, float *slopes, int64_t from, int64_t to) {
  const Reach reach = clipRow(p, b, t, s, d, from, to);
  const int64_t n = reach.to - reach.from;
  s += reach.from;
  d += reach.from;
  const float c = p.m.softCap;
  if (c > 0) cap(s, n, c);
  for (int64_t i = 0; c > 0 && i < n; i++) slopes[i] = 1 - s[i] / c * (s[i] / c);
  hide(p, b, t, s, from + reach.from, n);
  F top = splat(-INFINITY);
  int64_t i = 0;
  for (; i + W <= n; i += W) top = larger(top, load(s + i));
  float best = largestOf(top);
  for (; i < n; i++) best = s[i] > best || std::isnan(s[i]) ? s[i] : best;
  F total{}, product{};
  for (i = 0; i + W <= n; i += W) {
    const F y = expNegative(load(s + i) - best);
    store(s + i, y);
    total += y;
    product += y * load(d + i);
  }
  float sum = sumOf(total), dot = sumOf(product);
  for (; i < n; i++) {
    s[i] = std::exp(s[i] - best);
    sum += s[i];
    dot += s[i] * d[i];
  }
  const float part = 1 / sum, delta = dot / sum;
  for (i = 0; i < n; i += W) {
    const int64_t some_ = least(W, n - i);
    const F y = some(s + i, some_) * part;
    F slope = y * (some(d + i, some_) - delta) * p.scale;
    if (c > 0) slope *= some(slopes + i, some_);
    put(s + i, y, some_);
    put(d + i, slope, some_);
  }
}

// What a thread works with: packed blocks of queries and of do, scores and slopes [kQueries, keys], packed slopes, the two
// transposed, a block of queries or do as the right operand, and a row.
struct BlockMemory {
  float *queries, *douts, *scores, *slopes, *packed, *left, *right, *row;
};

inline int64_t blockFloats(const Sizes &z) { return kQueries * chunksOf(z.width) * kCells; }
inline int64_t squareFloats(const Sizes &z) { return kQueries * roundUp(z.keys, kChunk); }
constexpr int64_t kInner = roundUp(kQueries, kChunk) / kPer;
inline int64_t memoryFloats(const Sizes &z) {
  const int64_t left = roundUp(z.keys, kRows) * kInner, right = widthPanels(z) * kColumns * kInner;
  return 2 * blockFloats(z) + 3 * squareFloats(z) + left + right + roundUp(z.keys, W);
}
inline BlockMemory memoryOf(const Sizes &z, float *at) {
  BlockMemory m{};
  auto take = [&](int64_t count) { return std::exchange(at, at + count); };
  m.queries = take(blockFloats(z));
  m.douts = take(blockFloats(z));
  m.scores = take(squareFloats(z));
  m.slopes = take(squareFloats(z));
  m.packed = take(squareFloats(z));
  m.left = take(roundUp(z.keys, kRows) * kInner);
  m.right = take(widthPanels(z) * kColumns * kInner);
  m.row = at;
  return m;
}

// How many whole chunks of queries at a block's beginning end before a key.
inline int64_t blind(const GradProblem &p, int64_t b, int64_t start, int64_t rows, int64_t key) {
  int64_t chunks = 0;
  while ((chunks + 1) * kChunk < rows && reachOf(p.m, p.z, b, start + (chunks + 1) * kChunk - 1).to <= key) chunks++;
  return chunks;
}

// `rows` queries from `start` on. keys, values: packed across; along: packed keys; sumsK, sumsV: where dk and dv are added up.
inline void blockOf(const GradProblem &p, const float *keys, const float *values, const float *along, int64_t b, int64_t h,
                    int64_t start, int64_t rows, const BlockMemory &m, Target sumsK, Target sumsV) {
  const Sizes &z = p.z;
  const int64_t chunks = chunksOf(z.width);
  const Reach reach = reachOfBlock(p.m, z, b, start, start + rows);
  const int64_t from = reach.from, n = reach.to - from, across = roundUp(n, W);
  packPanels(m.queries, p.query(p.q, b, h, start), rows, z.width);
  packPanels(m.douts, p.query(p.dout, b, h, start), rows, z.width);
  const Target scores{m.scores, across, p.scale}, slopes{m.slopes, across};
  eachReach(p.m, z, b, start, rows, reach, kColumns, [&](int64_t i, int64_t some, int64_t seen) {
    const int64_t row = i * chunks * kCells, key = from * chunks * kCells;
    multiply(m.queries + row, keys + key, some, seen, chunks, chunks, chunks, false, scores.at(i, 0));
    multiply(m.douts + row, values + key, some, seen, chunks, chunks, chunks, false, slopes.at(i, 0));
  });
  for (int64_t i = 0; i < rows; i++)
    rowOf(p, b, start + i, m.scores + i * across, m.slopes + i * across, m.row, from, reach.to);
  packPanels(m.packed, {m.slopes, across, 1}, rows, n);
  const Target dq{p.dq + ((b * z.queries + start) * z.heads + h) * z.width, z.heads * z.width};
  eachReach(p.m, z, b, start, rows, reach, kChunk, [&](int64_t i, int64_t some, int64_t seen) {
    multiply(m.packed + i * chunksOf(n) * kCells, fromKey(along, from), some, z.width, chunksOf(seen), chunksOf(n),
             chunksOf(z.keys), false, dq.at(i, 0));
  });
  const int64_t used = chunksOf(rows), size = used * kCells * kColumns;
  auto add = [&](const float *weights, const float *other, const Target &sums) {
    packPanels(m.left, {weights, 1, across}, n, rows);
    for (int64_t c = 0; c < widthPanels(z); c++)
      packColumns(m.right + c * size, p.query(other, b, h, start).at(0, c * kColumns),
                  least(kColumns, z.width - c * kColumns), rows);
    // Keys by panels, which the first chunks of queries may not see.
    for (int64_t j = 0, end = 0; j < n; j = end) {
      const int64_t skipped = blind(p, b, start, rows, from + j);
      for (end = j + kRows; end < n && blind(p, b, start, rows, from + end) == skipped;) end += kRows;
      multiply(m.left + (j * used + skipped * kRows) * kCells, m.right + skipped * kCells * kColumns, least(n, end) - j, z.width,
               used - skipped, used, used, true, sums.at(from + j, 0));
    }
  };
  add(m.scores, p.dout, sumsV);
  add(m.slopes, p.q, sumsK);
}

// One part of the queries of a head, in blocks.
inline void partOf(const GradProblem &p, const float *keys, const float *values, const float *along, int64_t b, int64_t h,
                   int64_t part, float *memory) {
  const Sizes &z = p.z;
  auto sumsOf = [&](float *whole, float *parts) {
    Target t{parts + ((b * z.heads + h) * p.parts + part) * z.keys * z.width, z.width};
    if (!parts) t = {whole + (b * z.keys * z.kvHeads + h) * z.width, z.kvHeads * z.width};
    for (int64_t j = 0; j < z.keys; j++) std::memset(t.c + j * t.row, 0, static_cast<size_t>(z.width) * 4);
    t.accumulate = true;
    return t;
  };
  const Target sumsK = sumsOf(p.dk, p.partsK), sumsV = sumsOf(p.dv, p.partsV);
  const BlockMemory m = memoryOf(z, memory);
  const int64_t length = ceilDiv(ceilDiv(z.queries, p.parts), kQueries) * kQueries;
  const int64_t end = least(z.queries, (part + 1) * length);
  for (int64_t start = part * length; start < end; start += kQueries)
    blockOf(p, keys, values, along, b, h, start, least(kQueries, end - start), m, sumsK, sumsV);
}

// dk and dv of one head of keys: its parts, in order.
inline void addParts(const GradProblem &p, int64_t b, int64_t kvHead) {
  const Sizes &z = p.z;
  const int64_t first = (b * z.heads + kvHead * z.groups()) * p.parts, count = z.groups() * p.parts;
  for (int64_t j = 0; j < z.keys; j++)
    for (const auto &[from, to] : {std::pair{p.partsK, p.dk}, std::pair{p.partsV, p.dv}}) {
      const float *x = from + (first * z.keys + j) * z.width;
      float *y = to + ((b * z.keys + j) * z.kvHeads + kvHead) * z.width;
      for (int64_t i = 0; i < z.width; i += W) {
        const int64_t n = least(W, z.width - i);
        F sum = some(x + i, n);
        for (int64_t part = 1; part < count; part++) sum += some(x + part * z.keys * z.width + i, n);
        put(y + i, sum, n);
      }
    }
}

// Tasks that a gradient is cut into at least, if its sequences are long enough for parts of so many queries.
constexpr int64_t kTasks = 16;
constexpr int64_t kLeastPart = 512;

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
  const int64_t heads = z.batch * z.heads;
  p.parts = most(1, least(ceilDiv(kTasks, most(1, heads)), z.queries / kLeastPart));
  const bool inParts = z.groups() * p.parts > 1;
  const int64_t sums = inParts ? heads * p.parts * z.keys * z.width : 0;
  float *packed = context.shared<float>(static_cast<size_t>(kv * perHead + 2 * sums));
  if (inParts) {
    p.partsK = packed + kv * perHead;
    p.partsV = p.partsK + sums;
  }
  context.pool.run(3 * kv, [&](int64_t task, int) {
    const int64_t i = task / 3, b = i / z.kvHeads, h = i % z.kvHeads;
    float *to = packed + i * perHead;
    if (task % 3 == 0) packAcross(to, p.key(p.k, b, h, 0), z);
    else if (task % 3 == 1) packAcross(to + across, p.key(p.v, b, h, 0), z);
    else packAlong(to + 2 * across, p.key(p.k, b, h, 0), z);
  });
  context.reserve(static_cast<size_t>(memoryFloats(z)) * 4);
  context.pool.run(heads * p.parts, [&](int64_t task, int thread) {
    const int64_t i = task / p.parts, b = i / z.heads, h = i % z.heads;
    const float *keys = packed + (b * z.kvHeads + h / z.groups()) * perHead;
    partOf(p, keys, keys + across, keys + 2 * across, b, h, task % p.parts, context.own<float>(thread));
  });
  if (inParts) context.pool.run(kv, [&](int64_t i, int) { addParts(p, i / z.kvHeads, i % z.kvHeads); });
}

} // namespace tl::TL_SET::attention
