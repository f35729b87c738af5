// Moving data: one block of axes from strides to strides (transpose, broadcast, slice, concatenation, padding, flip),
// and filling with one value.
#pragma once
#include "../simd/vector.h"

namespace tl::TL_SET::moving {

constexpr int kRank = 8;

struct Axes {
  int64_t rank;
  const int64_t *sizes, *from, *to;
};

template <class T> inline void line(T *to, int64_t step, const T *from, int64_t stride, int64_t n) {
  if (step == 1 && stride == 1) std::memcpy(to, from, static_cast<size_t>(n) * sizeof(T));
  else
    for (int64_t i = 0; i < n; i++) to[i * step] = from[i * stride];
}

// The last two axes in blocks, so that either side is read or written along cache lines.
template <class T> inline void plane(T *to, const T *from, const Axes &axes) {
  const int64_t r = axes.rank, rows = axes.sizes[r - 2], columns = axes.sizes[r - 1];
  const int64_t up = axes.to[r - 2], across = axes.to[r - 1], down = axes.from[r - 2], along = axes.from[r - 1];
  if (along == 1 && across == 1) {
    for (int64_t i = 0; i < rows; i++) line(to + i * up, 1, from + i * down, 1, columns);
    return;
  }
  constexpr int64_t block = 16;
  for (int64_t i = 0; i < rows; i += block)
    for (int64_t j = 0; j < columns; j += block)
      for (int64_t k = i; k < least(rows, i + block); k++)
        line(to + k * up + j * across, across, from + k * down + j * along, along, least(block, columns - j));
}

template <class T> inline void copy(Context &context, const Axes &axes, T *to, const T *from) {
  if (axes.rank == 0) {
    *to = *from;
    return;
  }
  int64_t inner = axes.rank >= 2 ? 2 : 1, planes = 1;
  for (int64_t i = 0; i < axes.rank - inner; i++) planes *= axes.sizes[i];
  // Whole planes are tasks; where there are few of them, bands of rows.
  const int64_t rows = inner == 2 ? axes.sizes[axes.rank - 2] : 1, columns = axes.sizes[axes.rank - 1];
  const int64_t band = inner == 2 ? roundUp(most(1, 16384 / most(1, columns)), 16) : 1;
  const int64_t bands = inner == 2 ? ceilDiv(rows, band) : ceilDiv(columns, 65536);
  const int64_t group = most(1, 16384 / most(1, least(rows, band) * columns));
  context.pool.run(ceilDiv(planes, group) * bands, [&](int64_t task, int) {
    const int64_t part = task % bands;
    for (int64_t p = task / bands * group; p < least(planes, (task / bands + 1) * group); p++) {
      int64_t rest = p, source = 0, target = 0;
      for (int64_t axis = axes.rank - inner - 1; axis >= 0; axis--) {
        int64_t i = rest % axes.sizes[axis];
        rest /= axes.sizes[axis];
        source += i * axes.from[axis];
        target += i * axes.to[axis];
      }
      if (inner == 1) {
        const int64_t start = part * 65536, n = least(65536, columns - start);
        line(to + target + start * axes.to[axes.rank - 1], axes.to[axes.rank - 1],
             from + source + start * axes.from[axes.rank - 1], axes.from[axes.rank - 1], n);
        continue;
      }
      const int64_t start = part * band, count = least(band, rows - start);
      const int64_t sizes[2] = {count, columns};
      plane(to + target + start * axes.to[axes.rank - 2], from + source + start * axes.from[axes.rank - 2],
            Axes{2, sizes, axes.from + axes.rank - 2, axes.to + axes.rank - 2});
    }
  });
}

// ints: element bytes, offsets of source and target in elements, rank, sizes, strides of the source, of the target.
inline void run(Context &context, const Args &args) {
  const int64_t *n = args.ints, rank = n[3];
  Axes axes{rank, n + 4, n + 4 + rank, n + 4 + 2 * rank};
  for (int64_t i = 0; i < rank; i++)
    if (axes.sizes[i] == 0) return;
  if (n[0] == 4) copy(context, axes, args.at<int32_t>(1) + n[2], args.at<const int32_t>(0) + n[1]);
  else copy(context, axes, args.at<uint8_t>(1) + n[2], args.at<const uint8_t>(0) + n[1]);
}

// ints: element bytes, elements, dtype 0 f32 or 1 i32; floats: the value.
inline void fill(Context &context, const Args &args) {
  const int64_t bytes = args.ints[0], count = args.ints[1];
  if (bytes == 1) {
    std::memset(args.at<uint8_t>(0), args.floats[0] != 0, static_cast<size_t>(count));
    return;
  }
  const float real = args.f(0);
  int32_t value = static_cast<int32_t>(args.ints[2] == 0 ? 0 : args.floats[0]);
  if (args.ints[2] == 0) std::memcpy(&value, &real, 4);
  int32_t *to = args.at<int32_t>(0);
  constexpr int64_t piece = 65536;
  context.pool.run(ceilDiv(count, piece), [&](int64_t i, int) {
    for (int64_t j = i * piece; j < least(count, (i + 1) * piece); j++) to[j] = value;
  });
}

// Slots x, y. ints: element bytes, dtype, elements of y, then as in `run` from the offsets on; floats: what surrounds x.
inline void pad(Context &context, const Args &args) {
  const int64_t sizes[3] = {args.ints[0], args.ints[2], args.ints[1]};
  fill(context, Args{args.slots + 1, args.forms + 1, sizes, args.floats, 3});
  int64_t copied[4 + 3 * kRank] = {args.ints[0]};
  std::memcpy(copied + 1, args.ints + 3, static_cast<size_t>(args.intCount - 3) * sizeof(int64_t));
  run(context, Args{args.slots, args.forms, copied, args.floats, args.intCount - 2});
}

// Slots: parts, then y. ints: rows, bytes of a row of y, then of a row of each part.
inline void concat(Context &context, const Args &args) {
  const int64_t rows = args.ints[0], width = args.ints[1], parts = args.intCount - 2;
  uint8_t *y = args.at<uint8_t>(static_cast<int>(parts));
  const int64_t group = most(1, 65536 / most(1, width));
  context.pool.run(ceilDiv(rows, group), [&](int64_t task, int) {
    for (int64_t r = task * group; r < least(rows, (task + 1) * group); r++) {
      uint8_t *to = y + r * width;
      for (int64_t i = 0; i < parts; i++) {
        const size_t n = static_cast<size_t>(args.ints[2 + i]);
        if (n > 0) std::memcpy(to, args.at<uint8_t>(static_cast<int>(i)) + static_cast<size_t>(r) * n, n);
        to += n;
      }
    }
  });
}

} // namespace tl::TL_SET::moving
