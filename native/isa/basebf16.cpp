// Products of bf16 pairs on every processor, by f32: what the sets that have instructions for them are held to.
#define TL_SET basebf16
#define TL_BYTES 16
#define TL_ROWS 6
#define TL_VECTORS 2
#define TL_BF16
#include "../simd/vector.h"
#include "../kernels/products.h"

namespace tl {
static bool present() { return true; }
extern const KernelSet baseSet, basebf16Set;
const KernelSet basebf16Set{"basebf16", present, nullptr, basebf16::products, basebf16::productCount, &baseSet, false};
} // namespace tl
