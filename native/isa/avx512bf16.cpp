// AVX-512 with products of bf16 pairs into f32.
#include <immintrin.h>
#include "../processor.h"
#define TL_SET avx512bf16
#define TL_BYTES 64
#define TL_ROWS 8
#define TL_VECTORS 3
#define TL_BF16
#define TL_BF16_OWN
#include "../simd/avx512cells.h"
#include "../kernels/products.h"

namespace tl {
extern const KernelSet avx512Set, avx512bf16Set;
const KernelSet avx512bf16Set{"avx512bf16", hasAvx512Bf16, nullptr, avx512bf16::products, avx512bf16::productCount, &avx512Set, true};
} // namespace tl
