// What the attention kernels share: sizes, who sees whom, and packed keys and values.
#pragma once
#include "../simd/math.h"
#include "product.h"
#include <numeric>

namespace tl::TL_SET::attention {

// Keys start at multiples of this in blocks, so that packed panels can be entered in the middle.
constexpr int64_t kStep = std::lcm(kColumns, kChunk);
constexpr int64_t kQueries = roundUp(64, kRows);

struct Sizes {
  int64_t batch, queries, keys, heads, kvHeads, width;
  int64_t groups() const { return heads / kvHeads; }
};

struct Masks {
  bool causal = false;
  int64_t window = 0; // 0: none
  float softCap = 0;  // 0: none
  const int32_t *segments = nullptr, *keySegments = nullptr, *prefix = nullptr;
  const int32_t *offsets = nullptr; // place of each sequence's first query among the keys
};

// Keys [from, to) that a query can see by its place; inside them segments and the prefix decide.
struct Reach {
  int64_t from, to;
};

inline Reach reachOf(const Masks &m, const Sizes &z, int64_t b, int64_t query) {
  const int64_t place = query + (m.offsets ? m.offsets[b] : 0);
  Reach r{m.window ? most(0, place - m.window + 1) : 0, z.keys};
  if (m.causal) r.to = least(z.keys, place + 1);
  else if (m.window) r.to = least(z.keys, place + m.window);
  if (m.prefix && m.prefix[b] > 0) {
    r.from = 0;
    r.to = most(r.to, least(z.keys, m.prefix[b]));
  }
  return r;
}

// Keys that any of the queries [start, end) can see, from a step on.
inline Reach reachOfBlock(const Masks &m, const Sizes &z, int64_t b, int64_t start, int64_t end) {
  const Reach first = reachOf(m, z, b, start), last = reachOf(m, z, b, end - 1);
  return {first.from / kStep * kStep, last.to};
}

// use(row, rows, keys) for queries [start, start + rows) by panels, as many at once as reach equally far but for `grain` keys: all that
// they see is in the first `keys` of the block's reach.
template <class Use>
inline void eachReach(const Masks &m, const Sizes &z, int64_t b, int64_t start, int64_t rows, const Reach &block, int64_t grain,
                      Use use) {
  const auto keysOf = [&](int64_t i) {
    const Reach reach = reachOf(m, z, b, start + least(rows, i + kRows) - 1);
    return least(roundUp(reach.to - block.from, grain), block.to - block.from);
  };
  for (int64_t i = 0, end = 0; i < rows; i = end) {
    const int64_t keys = keysOf(i);
    for (end = i + kRows; end < rows && keysOf(end) == keys;) end += kRows;
    use(i, least(rows, end) - i, keys);
  }
}

// Whether every key within reach is seen.
inline bool plain(const Masks &m) { return !m.segments && !m.prefix; }

inline bool sees(const Masks &m, const Sizes &z, int64_t b, int64_t query, int64_t key) {
  if (m.segments) {
    const int32_t *keys = m.keySegments ? m.keySegments + b * z.keys : m.segments + b * z.queries;
    if (m.segments[b * z.queries + query] != keys[key]) return false;
  }
  if (!m.prefix || key < m.prefix[b]) return true;
  const int64_t place = query + (m.offsets ? m.offsets[b] : 0);
  const bool behind = !m.causal || key <= place;
  const bool near = !m.window || (key > place - m.window && key < place + m.window);
  return behind && near;
}

// c tanh(s / c) over n scores.
inline void cap(float *s, int64_t n, float c) {
  for (int64_t i = 0; i < n; i += W) {
    const int64_t part = least(W, n - i);
    if (part == W) store(s + i, tanh(load(s + i) / c) * c);
    else storePart(s + i, tanh(loadPart(s + i, part) / c) * c, part);
  }
}

inline int64_t keyPanels(const Sizes &z) { return ceilDiv(z.keys, kColumns); }
inline int64_t widthPanels(const Sizes &z) { return ceilDiv(z.width, kColumns); }
// Floats of packed Kᵀ or Vᵀ (inner: width) and of packed K or V (inner: keys).
inline int64_t acrossFloats(const Sizes &z) { return keyPanels(z) * chunksOf(z.width) * kCells * kColumns; }
inline int64_t alongFloats(const Sizes &z) { return widthPanels(z) * chunksOf(z.keys) * kCells * kColumns; }

// `rows`: keys or values of one head, as [keys, width] in memory.
inline void packAcross(float *to, Matrix rows, const Sizes &z) {
  const int64_t size = chunksOf(z.width) * kCells * kColumns;
  for (int64_t p = 0; p < keyPanels(z); p++)
    packColumns(to + p * size, rows.transposed().at(0, p * kColumns), least(kColumns, z.keys - p * kColumns), z.width);
}
inline void packAlong(float *to, Matrix rows, const Sizes &z) {
  const int64_t size = chunksOf(z.keys) * kCells * kColumns;
  for (int64_t p = 0; p < widthPanels(z); p++)
    packColumns(to + p * size, rows.at(0, p * kColumns), least(kColumns, z.width - p * kColumns), z.keys);
}

// Where packed rows of the inner axis keys begin, from a key on that is a multiple of kStep.
inline const float *fromKey(const float *along, int64_t key) { return along + key / kPer * kColumns; }

} // namespace tl::TL_SET::attention
