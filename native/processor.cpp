#include "processor.h"
#include <cstdint>

#if defined(__x86_64__) || defined(_M_X64)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace tl {

namespace {

enum Register { eax, ebx, ecx, edx };

bool bit(unsigned leaf, unsigned part, Register in, int number) {
  unsigned registers[4] = {};
  if (!__get_cpuid_count(leaf, part, registers, registers + 1, registers + 2, registers + 3)) return false;
  return registers[in] >> number & 1;
}

// Whether the system saves the registers of these bits of XCR0.
bool saves(uint32_t wanted) {
  const bool xsave = bit(1, 0, ecx, 27);
  if (!xsave) return false;
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (low & wanted) == wanted;
}

constexpr uint32_t vectorsOf32 = 0x6;
#ifdef __APPLE__
// Their bits are not set before they are first used.
constexpr uint32_t vectorsOf64 = vectorsOf32;
#else
constexpr uint32_t vectorsOf64 = 0xe6;
#endif

constexpr uint32_t tiles = 0x60000;

// The system saves tiles, which are large, only for processes that ask for them.
bool tilesPermitted() {
#if defined(__linux__)
  constexpr long request = 0x1023, tileData = 18;
  static const bool granted = syscall(SYS_arch_prctl, request, tileData) == 0;
  return granted;
#else
  return false;
#endif
}

} // namespace

bool hasAvx2() { return saves(vectorsOf32) && bit(1, 0, ecx, 12) && bit(7, 0, ebx, 5); }

bool hasAvx512() {
  return hasAvx2() && saves(vectorsOf64) && bit(7, 0, ebx, 16) && bit(7, 0, ebx, 17) && bit(7, 0, ebx, 30) &&
         bit(7, 0, ebx, 31);
}

bool hasAvx512Bf16() { return hasAvx512() && bit(7, 1, eax, 5); }

bool hasAmxBf16() {
  return hasAvx512Bf16() && saves(tiles) && bit(7, 0, edx, 22) && bit(7, 0, edx, 24) && tilesPermitted();
}

} // namespace tl

#endif
