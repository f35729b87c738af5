// AMX: products of bf16 pairs in tiles; what surrounds them is AVX-512.
#include <immintrin.h>
#include "../processor.h"
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

extern const KernelSet avx512Set, amxbf16Set;
const KernelSet amxbf16Set{"amxbf16", hasAmxBf16, amxbf16::openTiles, amxbf16::products, amxbf16::productCount, &avx512Set, true};
} // namespace tl
