// AVX-512 with products of bf16 pairs into f32.
#include <immintrin.h>
#define TL_SET avx512bf16
#define TL_BYTES 64
#define TL_ROWS 8
#define TL_VECTORS 3
#define TL_BF16
#define TL_BF16_OWN
#include "../simd/avx512cells.h"
#include "../kernels/products.h"

namespace tl {
static bool present() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("avx512bf16");
}
extern const KernelSet avx512Set, avx512bf16Set;
const KernelSet avx512bf16Set{"avx512bf16", present, nullptr, avx512bf16::products, avx512bf16::productCount, &avx512Set, true};
} // namespace tl
