// Attention over a cache of keys and values [B, KV, S, D]: new tokens are appended, then each looks back.
#pragma once
#include "attention.h"

namespace tl::TL_SET::attention {

// Few new tokens: every key is read once for all heads of its group.
inline void decode(Context &context, const Problem &p) {
  const Sizes &z = p.z;
  const int64_t rows = z.queries * z.groups();
  context.reserve(static_cast<size_t>(rows * roundUp(z.keys, W)) * 4);
  context.pool.run(z.batch * z.kvHeads, [&](int64_t task, int thread) {
    const int64_t b = task / z.kvHeads, head = task % z.kvHeads, stride = roundUp(z.keys, W);
    const Matrix k = p.key(p.k, b, head), v = p.key(p.v, b, head);
    float *scores = context.own<float>(thread);
    auto each = [&](auto visit) {
      for (int64_t t = 0; t < z.queries; t++)
        for (int64_t g = 0; g < z.groups(); g++)
          visit(t, head * z.groups() + g, scores + (t * z.groups() + g) * stride, reachOf(p.m, z, b, t));
    };
    each([&](int64_t t, int64_t h, float *s, Reach reach) {
      const float *q = p.query(b, h, t).p;
      for (int64_t j = reach.from; j < reach.to; j++) {
        const float *key = k.p + j * k.row;
        F sum{};
        int64_t i = 0;
        for (; i + W <= z.width; i += W) sum += load(q + i) * load(key + i);
        float total = sumOf(sum);
        for (; i < z.width; i++) total += q[i] * key[i];
        s[j] = total * p.scale;
      }
      softmaxRow(p, b, h, t, s + reach.from, reach.from, reach.to);
    });
    each([&](int64_t t, int64_t h, float *s, Reach reach) {
      float *out = p.out + ((b * z.queries + t) * z.heads + h) * z.width;
      int64_t i = 0;
      for (; i + W <= z.width; i += W) {
        F sum{};
        for (int64_t j = reach.from; j < reach.to; j++) sum += s[j] * load(v.p + j * v.row + i);
        store(out + i, sum);
      }
      for (; i < z.width; i++) {
        float sum = 0;
        for (int64_t j = reach.from; j < reach.to; j++) sum += s[j] * v.p[j * v.row + i];
        out[i] = sum;
      }
    });
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
    const float *past = args.at(3 + side), *fresh = args.at(1 + side);
    float *cache = args.at(8 + side);
    context.pool.run(batch * kvHeads, [&](int64_t i, int) {
      float *to = cache + i * capacity * width;
      if (cache != past) std::memcpy(to, past + i * capacity * width, static_cast<size_t>(capacity * width) * 4);
      const int64_t b = i / kvHeads, h = i % kvHeads;
      for (int64_t t = 0; t < tokens; t++)
        std::memcpy(to + (offsets[static_cast<size_t>(b)] + t) * width, fresh + ((b * tokens + t) * kvHeads + h) * width,
                    static_cast<size_t>(width) * 4);
    });
  }
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
  if (tokens <= 8) return decode(context, p);
  int64_t used = 0;
  for (int32_t offset : offsets) used = most(used, offset + tokens);
  p.z.keys = used;
  forward(context, p);
}

} // namespace tl::TL_SET::attention
