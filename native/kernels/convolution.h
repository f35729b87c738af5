// Convolutions and pooling over windows, one or two spatial axes (one axis is taken as an image of height 1).
#pragma once
#include "../simd/vector.h"

namespace tl::TL_SET::convolution {

struct Window {
  int64_t high, wide;             // image
  int64_t kernelHigh, kernelWide; // window
  int64_t countHigh, countWide;   // places
  int64_t strideHigh, strideWide, padHigh, padWide, stepHigh, stepWide;
};

inline Window windowOf(const int64_t *n) { return {n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9], n[10], n[11]}; }

// Places [from, to) along one axis whose element `tap` lies inside.
inline void inside(int64_t tap, int64_t size, int64_t count, int64_t stride, int64_t pad, int64_t &from, int64_t &to) {
  const int64_t start = tap - pad;
  from = start >= 0 ? 0 : ceilDiv(-start, stride);
  to = start >= size ? 0 : least(count, (size - 1 - start) / stride + 1);
}

// Calls visit(place, image, count) for every row of places that element (ky, kx) of the window reaches.
template <class Visit> inline void eachRow(const Window &w, int64_t ky, int64_t kx, Visit visit) {
  int64_t top, bottom, left, right;
  inside(ky * w.stepHigh, w.high, w.countHigh, w.strideHigh, w.padHigh, top, bottom);
  inside(kx * w.stepWide, w.wide, w.countWide, w.strideWide, w.padWide, left, right);
  if (left >= right) return;
  for (int64_t y = top; y < bottom; y++)
    visit(y * w.countWide + left,
          (y * w.strideHigh + ky * w.stepHigh - w.padHigh) * w.wide + left * w.strideWide + kx * w.stepWide - w.padWide,
          right - left);
}

// Slots x [N, C, image], w [O, C/G, window], bias or none, y [N, O, places].
// ints: N, C, O, groups, then the window's twelve.
inline void forward(Context &context, const Args &args) {
  const int64_t *n = args.ints;
  const int64_t channels = n[1], out = n[2], groups = n[3], perGroup = channels / groups;
  const Window w = windowOf(n + 4);
  const int64_t image = w.high * w.wide, places = w.countHigh * w.countWide, taps = w.kernelHigh * w.kernelWide;
  context.pool.run(n[0] * out, [&](int64_t task, int) {
    const int64_t o = task % out, first = o / (out / groups) * perGroup;
    float *y = args.at(3) + task * places;
    const float base = args.slots[2] ? args.at(2)[o] : 0;
    for (int64_t i = 0; i < places; i++) y[i] = base;
    for (int64_t c = 0; c < perGroup; c++) {
      const float *x = args.at(0) + (task / out * channels + first + c) * image;
      const float *weights = args.at(1) + (o * perGroup + c) * taps;
      for (int64_t k = 0; k < taps; k++) {
        const float weight = weights[k];
        eachRow(w, k / w.kernelWide, k % w.kernelWide, [&](int64_t place, int64_t at, int64_t count) {
          for (int64_t i = 0; i < count; i++) y[place + i] += weight * x[at + i * w.strideWide];
        });
      }
    }
  });
}

// The transpose of `forward` by its image: slots x [N, C, places], w [C, O/G, window], bias or none, y [N, O, image].
inline void transposed(Context &context, const Args &args) {
  const int64_t *n = args.ints;
  const int64_t channels = n[1], out = n[2], groups = n[3], perGroup = out / groups;
  const Window w = windowOf(n + 4);
  const int64_t image = w.high * w.wide, places = w.countHigh * w.countWide, taps = w.kernelHigh * w.kernelWide;
  context.pool.run(n[0] * out, [&](int64_t task, int) {
    const int64_t o = task % out, first = o / perGroup * (channels / groups);
    float *y = args.at(3) + task * image;
    const float base = args.slots[2] ? args.at(2)[o] : 0;
    for (int64_t i = 0; i < image; i++) y[i] = base;
    for (int64_t c = 0; c < channels / groups; c++) {
      const float *x = args.at(0) + (task / out * channels + first + c) * places;
      const float *weights = args.at(1) + ((first + c) * perGroup + o % perGroup) * taps;
      for (int64_t k = 0; k < taps; k++) {
        const float weight = weights[k];
        eachRow(w, k / w.kernelWide, k % w.kernelWide, [&](int64_t place, int64_t at, int64_t count) {
          for (int64_t i = 0; i < count; i++) y[at + i * w.strideWide] += weight * x[place + i];
        });
      }
    }
  });
}

// Slots x [planes, image], y [planes, places], places of the maxima in x (i32) or none. ints: planes, window.
inline void maxPool(Context &context, const Args &args) {
  const Window w = windowOf(args.ints + 1);
  const int64_t image = w.high * w.wide, places = w.countHigh * w.countWide;
  int32_t *found = args.at<int32_t>(2);
  context.pool.run(args.ints[0], [&](int64_t plane, int) {
    const float *x = args.at(0) + plane * image;
    float *y = args.at(1) + plane * places;
    for (int64_t i = 0; i < places; i++) y[i] = -INFINITY;
    if (found) std::memset(found + plane * places, 0, static_cast<size_t>(places) * 4);
    for (int64_t k = 0; k < w.kernelHigh * w.kernelWide; k++)
      eachRow(w, k / w.kernelWide, k % w.kernelWide, [&](int64_t place, int64_t at, int64_t count) {
        for (int64_t i = 0; i < count; i++) {
          const float value = x[at + i * w.strideWide];
          if (!(value > y[place + i])) continue;
          y[place + i] = value;
          if (found) found[plane * places + place + i] = static_cast<int32_t>(plane * image + at + i * w.strideWide);
        }
      });
  });
}

} // namespace tl::TL_SET::convolution
