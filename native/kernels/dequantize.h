// Weights of 8 or 4 bits in blocks of 32 that share a scale.
#pragma once
#include "../simd/vector.h"

namespace tl::TL_SET::quantized {

// y = d (q - o): 8 bits with o = 128; 4 bits with o = 8, the first half of a block in the low halves of its bytes.
// Slots codes, scales, y. ints: bits, blocks.
inline void dequantize(Context &context, const Args &args) {
  const int64_t bits = args.ints[0], blocks = args.ints[1], group = 512;
  const uint8_t *codes = args.at<uint8_t>(0);
  const float *scales = args.at(1);
  float *y = args.at(2);
  context.pool.run(ceilDiv(blocks, group), [&](int64_t task, int) {
    for (int64_t b = task * group; b < least(blocks, (task + 1) * group); b++) {
      const float d = scales[b];
      float *to = y + b * 32;
      const uint8_t *from = codes + b * (bits == 8 ? 32 : 16);
      if (bits == 8) {
        for (int i = 0; i < 32; i++) to[i] = d * static_cast<float>(from[i] - 128);
        continue;
      }
      for (int i = 0; i < 16; i++) {
        to[i] = d * static_cast<float>((from[i] & 15) - 8);
        to[16 + i] = d * static_cast<float>((from[i] >> 4) - 8);
      }
    }
  });
}

} // namespace tl::TL_SET::quantized
