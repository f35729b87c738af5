// AVX-512: 32 registers of 16 lanes.
#include <immintrin.h>
#include "../processor.h"
#define TL_SET avx512
#define TL_BYTES 64
#define TL_ROWS 8
#define TL_VECTORS 3
#include "../simd/vector.h"

namespace tl::avx512 {
inline F squareRoot(F x) { return _mm512_sqrt_ps(x); }
} // namespace tl::avx512

#include "../kernels/table.h"

namespace tl {
extern const KernelSet avx512Set;
const KernelSet avx512Set{"avx512", hasAvx512, nullptr, avx512::kernels, avx512::kernelCount, nullptr, true};
} // namespace tl
