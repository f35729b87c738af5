// AVX2 with FMA: 16 registers of 8 lanes.
#include <immintrin.h>
#include "../processor.h"
#define TL_SET avx2
#define TL_BYTES 32
#define TL_ROWS 6
#define TL_VECTORS 2
#include "../simd/vector.h"

namespace tl::avx2 {
inline F squareRoot(F x) { return _mm256_sqrt_ps(x); }
} // namespace tl::avx2

#include "../kernels/table.h"

namespace tl {
extern const KernelSet avx2Set;
const KernelSet avx2Set{"avx2", hasAvx2, nullptr, avx2::kernels, avx2::kernelCount, nullptr, true};
} // namespace tl
