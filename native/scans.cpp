// Passes over weights as they come from files, with the instructions that every processor of the platform has.
#include "tuneloop.h"

namespace {

constexpr int64_t kBlock = 4096;

// The place of the first element that `broken` holds for, or -1; whole blocks without one are told by a pass that vectorises.
template <class Broken> int64_t firstOf(int64_t count, const Broken &broken) {
  for (int64_t start = 0; start < count; start += kBlock) {
    const int64_t end = start + kBlock < count ? start + kBlock : count;
    uint32_t any = 0;
    for (int64_t i = start; i < end; i++) any |= broken(i);
    if (any == 0) continue;
    for (int64_t i = start; i < end; i++)
      if (broken(i)) return i;
  }
  return -1;
}

} // namespace

int64_t tl_first_not_finite(const uint32_t *bits, int64_t count) {
  return firstOf(count, [bits](int64_t i) -> uint32_t { return (bits[i] & 0x7f800000u) == 0x7f800000u; });
}

int64_t tl_first_not_finite_bf16(const uint16_t *bits, int64_t count) {
  return firstOf(count, [bits](int64_t i) -> uint32_t { return (bits[i] & 0x7f80u) == 0x7f80u; });
}

int64_t tl_round_bf16(const uint32_t *bits, uint16_t *to, int64_t count) {
  // What is more becomes infinite.
  constexpr uint32_t limit = 0x7f7f8000u;
  return firstOf(count, [bits, to](int64_t i) -> uint32_t {
    const uint32_t value = bits[i];
    to[i] = static_cast<uint16_t>((value + 0x7fffu + ((value >> 16) & 1u)) >> 16);
    return (value & 0x7fffffffu) >= limit;
  });
}
