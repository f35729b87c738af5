// Reading and adding by index: rows of a table, elements along an axis, and masks from counter-based random numbers.
#pragma once
#include "../simd/stored.h"

namespace tl::TL_SET::indexing {

// False, with the run's error set, unless all ids lie in [0, limit).
inline bool within(Context &context, const char *op, const int32_t *ids, int64_t count, int64_t limit) {
  for (int64_t i = 0; i < count; i++) {
    if (ids[i] >= 0 && ids[i] < limit) continue;
    context.fail("%s: expected indices in [0, %lld) but found %d at %lld", op, static_cast<long long>(limit), ids[i],
                 static_cast<long long>(i));
    return false;
  }
  return true;
}

// y[0, n) as f32.
template <class Elements> inline void widen(float *y, const Elements &x, int64_t n) {
  int64_t i = 0;
  for (; i + W <= n; i += W) store(y + i, x.along(i));
  for (; i < n; i++) y[i] = x.one(i);
}

// y[outer, id, inner] = x[outer, ids[id], inner]. Slots x, ids, scales of x's codes or none, y. ints: element bytes, outer, size, ids,
// inner, bits of the codes, 0 where x has none.
inline void gather(Context &context, const Args &args) {
  const int64_t bytes = args.ints[0], outer = args.ints[1], size = args.ints[2], count = args.ints[3],
                width = args.ints[4], inner = width * bytes;
  const int32_t *ids = args.at<int32_t>(1);
  if (!within(context, "gather", ids, count, size)) return;
  const int64_t bits = args.ints[5];
  const bool narrow = args.forms[0] == Form::bf16;
  const uint8_t *x = args.at<uint8_t>(0);
  uint8_t *y = args.at<uint8_t>(3);
  const int64_t group = most(1, 32768 / most(1, inner));
  context.pool.run(ceilDiv(outer * count, group), [&](int64_t task, int) {
    for (int64_t i = task * group; i < least(outer * count, (task + 1) * group); i++) {
      const int64_t row = i / count * size + ids[i % count];
      float *to = args.at(3) + i * width;
      if (bits == 8) widen(to, Bytes{x, args.at(2), row * width}, width);
      else if (bits == 4) widen(to, Nibbles{x, args.at(2), row * width}, width);
      else if (narrow) widen(to, Halves{args.at<uint16_t>(0) + row * width}, width);
      else std::memcpy(y + i * inner, x + row * inner, static_cast<size_t>(inner));
    }
  });
}

// y[v, :] = Σ x[i, :] over ids[i] = v, in the order of i. Slots ids, x, y. ints: count, width, rows.
inline void scatterAddRows(Context &context, const Args &args) {
  const int64_t count = args.ints[0], width = args.ints[1], rows = args.ints[2];
  const int32_t *ids = args.at<int32_t>(0);
  if (!within(context, "scatterAddRows", ids, count, rows)) return;
  const float *x = args.at(1);
  float *y = args.at(2);
  // Columns are shared out, so that no two threads add to one element.
  const int64_t part = most(16, roundUp(ceilDiv(width, 16), 16)), parts = ceilDiv(width, part);
  context.pool.run(parts, [&](int64_t task, int) {
    const int64_t start = task * part, n = least(part, width - start);
    for (int64_t v = 0; v < rows; v++) std::memset(y + v * width + start, 0, static_cast<size_t>(n) * 4);
    for (int64_t i = 0; i < count; i++) {
      float *to = y + ids[i] * width + start;
      const float *from = x + i * width + start;
      for (int64_t j = 0; j < n; j++) to[j] += from[j];
    }
  });
}

// y[o, k, i] = x[o, ids[o, k, i], i]. Slots x, ids, y. ints: element bytes, outer, size, count, inner.
inline void takeAlong(Context &context, const Args &args) {
  const int64_t bytes = args.ints[0], outer = args.ints[1], size = args.ints[2], count = args.ints[3],
                inner = args.ints[4], total = outer * count * inner;
  const int32_t *ids = args.at<int32_t>(1);
  if (!within(context, "takeAlong", ids, total, size)) return;
  for (int64_t i = 0; i < total; i++) {
    const int64_t from = (i / (count * inner) * size + ids[i]) * inner + i % inner;
    if (bytes == 4) args.at<int32_t>(2)[i] = args.at<int32_t>(0)[from];
    else args.at<uint8_t>(2)[i] = args.at<uint8_t>(0)[from];
  }
}

// The transpose of takeAlong. Slots ids, x, y. ints: outer, size, count, inner.
inline void scatterAddAlong(Context &context, const Args &args) {
  const int64_t outer = args.ints[0], size = args.ints[1], count = args.ints[2], inner = args.ints[3];
  const int32_t *ids = args.at<int32_t>(0);
  if (!within(context, "scatterAddAlong", ids, outer * count * inner, size)) return;
  const float *x = args.at(1);
  float *y = args.at(2);
  context.pool.run(outer, [&](int64_t o, int) {
    std::memset(y + o * size * inner, 0, static_cast<size_t>(size * inner) * 4);
    for (int64_t i = o * count * inner; i < (o + 1) * count * inner; i++)
      y[(o * size + ids[i]) * inner + i % inner] += x[i];
  });
}

// One Philox4x32-10 block, see src/ir/random.ts.
inline void philox(uint32_t *out, uint32_t k0, uint32_t k1, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3) {
  for (int round = 0; round < 10; round++) {
    const uint64_t p = uint64_t(0xd2511f53) * c0, q = uint64_t(0xcd9e8d57) * c2;
    c0 = static_cast<uint32_t>(q >> 32) ^ c1 ^ k0;
    c1 = static_cast<uint32_t>(q);
    c2 = static_cast<uint32_t>(p >> 32) ^ c3 ^ k1;
    c3 = static_cast<uint32_t>(p);
    k0 += 0x9e3779b9;
    k1 += 0xbb67ae85;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

// Slots key, examples, positions, y. ints: tokens, width, stream; floats: the share that is kept.
inline void keepMask(Context &context, const Args &args) {
  const int64_t width = args.ints[1];
  const uint32_t *key = args.at<uint32_t>(0), *examples = args.at<uint32_t>(1), *positions = args.at<uint32_t>(2);
  uint8_t *y = args.at<uint8_t>(3);
  const double keep = args.floats[0];
  context.pool.run(args.ints[0], [&](int64_t token, int) {
    uint32_t block[4];
    for (int64_t i = 0; i < width; i++) {
      if (i % 4 == 0)
        philox(block, key[0], key[1], static_cast<uint32_t>(i / 4), positions[token], examples[token],
               static_cast<uint32_t>(args.ints[2]));
      y[token * width + i] = (block[i % 4] >> 8) / 16777216.0 < keep;
    }
  });
}

// Slots key, examples, positions, y. ints: elements, stream.
inline void keyedUniform(Context &, const Args &args) {
  const uint32_t *key = args.at<uint32_t>(0), *examples = args.at<uint32_t>(1), *positions = args.at<uint32_t>(2);
  for (int64_t i = 0; i < args.ints[0]; i++) {
    uint32_t block[4];
    philox(block, key[0], key[1], positions[i], examples[i], static_cast<uint32_t>(args.ints[1]), 0);
    args.at(3)[i] = static_cast<float>(block[0] >> 8) / 16777216.0f;
  }
}

} // namespace tl::TL_SET::indexing
