// AMX: products of bf16 pairs in tiles; what surrounds them is AVX-512.
#include <cpuid.h>
#include <immintrin.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#define TL_SET amxbf16
#define TL_BYTES 64
#define TL_ROWS 32
#define TL_VECTORS 2
#define TL_BF16
#define TL_BF16_OWN
#define TL_TILES
#include "../simd/avx512cells.h"
#include "../kernels/products.h"

namespace tl {

// The kernel saves tiles, which are large, only for processes that ask for them.
static bool permitted() {
#if defined(__linux__)
  constexpr long request = 0x1023, tileData = 18;
  return syscall(SYS_arch_prctl, request, tileData) == 0;
#else
  return false;
#endif
}

static bool present() {
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512dq") ||
      !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("avx512bf16"))
    return false;
  constexpr unsigned bf16 = 1u << 22, tile = 1u << 24;
  unsigned a, b, c, d;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & bf16) == 0 || (d & tile) == 0) return false;
  static const bool granted = permitted();
  return granted;
}

extern const KernelSet avx512Set, amxbf16Set;
const KernelSet amxbf16Set{"amxbf16", present, amxbf16::openTiles, amxbf16::products, amxbf16::productCount, &avx512Set, true};
} // namespace tl
