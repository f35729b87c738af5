// Elements as memory holds them, read as f32.
#pragma once
#include "vector.h"

namespace tl::TL_SET {

struct Floats {
  const float *p;
  F along(int64_t i) const { return load(p + i); }
  float one(int64_t i) const { return p[i]; }
};

struct Scaled {
  const float *p;
  float factor;
  F along(int64_t i) const { return load(p + i) * factor; }
  float one(int64_t i) const { return p[i] * factor; }
};

// bf16: the upper halves of f32.
struct Halves {
  const uint16_t *p;
  // W of them, each in the lower half of a lane.
  I lower(int64_t i) const {
    typedef uint16_t Lanes __attribute__((vector_size(TL_BYTES / 2)));
    Lanes lanes;
    std::memcpy(&lanes, p + i, sizeof lanes);
    return __builtin_convertvector(lanes, I);
  }
  F along(int64_t i) const { return floats(lower(i) << 16); }
  float one(int64_t i) const {
    const uint32_t u = uint32_t(p[i]) << 16;
    float x;
    std::memcpy(&x, &u, 4);
    return x;
  }
};

} // namespace tl::TL_SET
