// The kernels of AMX over tiles that are computed without it: what a machine that has none checks them by.
#define TL_SET amxbf16model
#define TL_BYTES 16
#define TL_ROWS 32
#define TL_VECTORS 8
#define TL_BF16
#define TL_TILES
#define TL_TILE_MODEL
#include "../simd/vector.h"
#include "../kernels/products.h"

namespace tl {
static bool present() { return true; }
extern const KernelSet baseSet, amxbf16modelSet;
const KernelSet amxbf16modelSet{"amxbf16model", present, amxbf16model::openTiles, amxbf16model::products, amxbf16model::productCount, &baseSet, false};
} // namespace tl
