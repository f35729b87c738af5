// NEON, which every 64-bit ARM has: 32 registers of 4 lanes.
#include <arm_neon.h>
#define TL_SET neon
#define TL_BYTES 16
#define TL_ROWS 8
#define TL_VECTORS 3
#include "../simd/vector.h"

namespace tl::neon {
inline F squareRoot(F x) { return reinterpret_cast<F>(vsqrtq_f32(reinterpret_cast<float32x4_t>(x))); }
} // namespace tl::neon

#include "../kernels/table.h"

namespace tl {
static bool present() { return true; }
extern const KernelSet neonSet;
const KernelSet neonSet{"neon", present, nullptr, neon::kernels, neon::kernelCount, nullptr, true};
} // namespace tl
