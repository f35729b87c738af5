// AVX-512 with products of bf16 pairs into f32.
#include <immintrin.h>
#define TL_SET avx512bf16
#define TL_BYTES 64
#define TL_ROWS 8
#define TL_VECTORS 3
#define TL_BF16
#define TL_BF16_OWN
#include "../simd/vector.h"

namespace tl::avx512bf16 {
inline F cellsInLine(F first, F second) { return reinterpret_cast<F>(_mm512_cvtne2ps_pbh(second, first)); }

inline F cells(F low, F high) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5,
                                         20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return reinterpret_cast<F>(_mm512_permutexvar_epi16(order, reinterpret_cast<__m512i>(cellsInLine(low, high))));
}

inline F multiplied(F sum, F left, F right) {
  return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(left), reinterpret_cast<__m512bh>(right));
}
} // namespace tl::avx512bf16

#include "../kernels/products.h"

namespace tl {
static bool present() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("avx512bf16");
}
extern const KernelSet avx512Set, avx512bf16Set;
const KernelSet avx512bf16Set{"avx512bf16", present, nullptr, avx512bf16::products, avx512bf16::productCount, &avx512Set, true};
} // namespace tl
