// Attention over a cache of keys and values [B, KV, S, D]: new tokens are appended, then each looks back.
#pragma once
#include "attention.h"
#include "lines.h"

namespace tl::TL_SET::attention {

// Rows of queries, a head's at a token each, that go through keys and values together; vectors of values in registers beside.
constexpr int kTogether = 4;
constexpr int kValueVectors = gemm::kManyRegisters ? 4 : 2;

// Scores of `rows` queries by keys [from, to), `stride` apart. Values that come next are fetched meanwhile.
template <int rows>
inline void scoreRows(const Problem &p, const float *const *q, const Matrix &k, const Matrix &v, Reach reach, float *scores,
                      int64_t stride) {
  const int64_t width = p.z.width, whole = width / W * W, tail = width - whole;
  for (int64_t j = reach.from; j < reach.to; j += W) {
    F sums[rows * W] = {};
    const int64_t keys = least(W, reach.to - j);
    for (int64_t c = 0; c < keys; c++) {
      const float *key = k.p + (j + c) * k.row, *value = v.p + (j + c) * v.row;
      F own[rows] = {};
      for (int64_t i = 0; i < whole; i += W) {
        const F right = load(key + i);
        __builtin_prefetch(value + i, 0, 2);
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) own[r] += load(q[r] + i) * right;
      }
      if (tail > 0)
        for (int r = 0; r < rows; r++) own[r] += loadPart(q[r] + whole, tail) * loadPart(key + whole, tail);
#pragma GCC unroll 4
      for (int r = 0; r < rows; r++) sums[r * W + c] = own[r];
    }
    for (int r = 0; r < rows; r++) storeSome(scores + r * stride + j, gemm::addedLanes(sums + r * W) * p.scale, keys);
  }
}

// `vectors` of the outputs of `rows` queries, from value i on.
template <int rows, int vectors>
inline void valueVectors(const float *scores, int64_t stride, const Matrix &v, Reach reach, int64_t i, float *const *out) {
  F own[rows][vectors] = {};
  for (int64_t j = reach.from; j < reach.to; j++) {
    F right[vectors];
#pragma GCC unroll 4
    for (int x = 0; x < vectors; x++) right[x] = load(v.p + j * v.row + i + x * W);
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
      const F left = splat(scores[r * stride + j]);
#pragma GCC unroll 4
      for (int x = 0; x < vectors; x++) own[r][x] += left * right[x];
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
    for (int x = 0; x < vectors; x++) store(out[r] + i + x * W, own[r][x]);
}

// Queries [first, first + rows) of a sequence and a head of its keys, where query i is head i % groups of token i / groups.
template <int rows> inline void attend(const Problem &p, int64_t b, int64_t kvHead, int64_t first, float *scores) {
  const Sizes &z = p.z;
  const int64_t stride = roundUp(z.keys, W);
  const Matrix k = p.key(p.k, b, kvHead), v = p.key(p.v, b, kvHead);
  const auto token = [&](int64_t r) { return (first + r) / z.groups(); };
  const auto head = [&](int64_t r) { return kvHead * z.groups() + (first + r) % z.groups(); };
  const float *q[rows];
  float *out[rows];
  for (int r = 0; r < rows; r++) {
    q[r] = p.query(b, head(r), token(r)).p;
    out[r] = p.out + ((b * z.queries + token(r)) * z.heads + head(r)) * z.width;
  }
  // What one of them does not see gets a weight of zero.
  const Reach reach{reachOf(p.m, z, b, token(0)).from, reachOf(p.m, z, b, token(rows - 1)).to};
  scoreRows<rows>(p, q, k, v, reach, scores, stride);
  for (int r = 0; r < rows; r++) softmaxRow(p, b, head(r), token(r), scores + r * stride + reach.from, reach.from, reach.to);
  int64_t i = 0;
  for (; i + kValueVectors * W <= z.width; i += kValueVectors * W)
    valueVectors<rows, kValueVectors>(scores, stride, v, reach, i, out);
  for (; i + W <= z.width; i += W) valueVectors<rows, 1>(scores, stride, v, reach, i, out);
  for (; i < z.width; i++)
    for (int r = 0; r < rows; r++) {
      float sum = 0;
      for (int64_t j = reach.from; j < reach.to; j++) sum += scores[r * stride + j] * v.p[j * v.row + i];
      out[r][i] = sum;
    }
}

inline void attendAll(const Problem &p, int64_t b, int64_t kvHead, int64_t first, int64_t rows, float *scores) {
  for (; rows >= kTogether; rows -= kTogether, first += kTogether) attend<kTogether>(p, b, kvHead, first, scores);
  if (rows == 3) attend<3>(p, b, kvHead, first, scores);
  else if (rows == 2) attend<2>(p, b, kvHead, first, scores);
  else if (rows == 1) attend<1>(p, b, kvHead, first, scores);
}

// Few new tokens: every key is read once for the queries of its group. append(i) writes what is new of sequence and head i before.
template <class Append> inline void decode(Context &context, const Problem &p, const Append &append) {
  const Sizes &z = p.z;
  const int64_t heads = z.batch * z.kvHeads, rows = z.queries * z.groups();
  context.reserve(static_cast<size_t>(kTogether * roundUp(z.keys, W)) * 4);
  // Few heads are shared out query by query.
  const int64_t parts = heads <= 16 ? ceilDiv(rows, z.queries) : 1, part = ceilDiv(rows, parts);
  if (parts > 1)
    for (int64_t i = 0; i < heads; i++) append(i);
  context.pool.run(heads * parts, [&](int64_t task, int thread) {
    const int64_t i = task / parts, first = task % parts * part;
    if (parts == 1) append(i);
    attendAll(p, i / z.kvHeads, i % z.kvHeads, first, least(part, rows - first), context.own<float>(thread));
  });
}

// Slots q, k, v, past keys, past values, lengths, bias, out, keys, values; the caches may be those of the past.
// ints: B, T, capacity, H, KV, D, fresh, window, and the bias's strides by sequence, head and query; floats: scale, soft
// cap.
inline void cached(Context &context, const Args &args) {
  const int64_t *n = args.ints;
  const int64_t batch = n[0], tokens = n[1], capacity = n[2], kvHeads = n[4], width = n[5];
  const int32_t *lengths = args.at<int32_t>(5);
  std::vector<int32_t> offsets(static_cast<size_t>(batch));
  for (int64_t b = 0; b < batch; b++) {
    const int32_t length = n[6] ? 0 : lengths[b];
    if (length < 0 || length + tokens > capacity)
      return context.fail("cachedAttention: expected at most %lld tokens in the cache but found %lld",
                          static_cast<long long>(capacity), static_cast<long long>(length + tokens));
    offsets[static_cast<size_t>(b)] = length;
  }
  for (int side = 0; side < 2; side++) {
    const float *past = args.at(3 + side);
    float *cache = args.at(8 + side);
    if (cache == past) continue;
    context.pool.run(batch * kvHeads, [&](int64_t i, int) {
      const int64_t size = capacity * width;
      std::memcpy(cache + i * size, past + i * size, static_cast<size_t>(size) * 4);
    });
  }
  const auto append = [&](int64_t i) {
    const int64_t b = i / kvHeads, h = i % kvHeads;
    for (int side = 0; side < 2; side++) {
      const float *fresh = args.at(1 + side);
      float *to = args.at(8 + side) + (i * capacity + offsets[static_cast<size_t>(b)]) * width;
      for (int64_t t = 0; t < tokens; t++)
        std::memcpy(to + t * width, fresh + ((b * tokens + t) * kvHeads + h) * width, static_cast<size_t>(width) * 4);
    }
  };
  Problem p{};
  p.z = {batch, tokens, capacity, n[3], kvHeads, width};
  p.m.causal = true;
  p.m.window = n[7];
  p.m.softCap = args.f(1);
  p.m.offsets = offsets.data();
  p.scale = args.f(0);
  p.q = args.at(0);
  p.k = args.at(8);
  p.v = args.at(9);
  p.keyRow = width;
  p.keyHead = capacity * width;
  p.keyBatch = kvHeads * p.keyHead;
  p.bias = args.at(6);
  p.biasBatch = n[8];
  p.biasHead = n[9];
  p.biasRow = n[10];
  p.out = args.at(7);
  if (tokens <= 8) return decode(context, p, append);
  context.pool.run(batch * kvHeads, [&](int64_t i, int) { append(i); });
  int64_t used = 0;
  for (int32_t offset : offsets) used = most(used, offset + tokens);
  p.z.keys = used;
  forward(context, p);
}

} // namespace tl::TL_SET::attention
