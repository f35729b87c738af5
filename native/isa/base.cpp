// What every compiler makes of plain vectors, on every processor of the platform.
#define TL_SET base
#define TL_BYTES 16
#define TL_ROWS 6
#define TL_VECTORS 2
#include "../simd/vector.h"

namespace tl::base {
inline F squareRoot(F x) {
  for (int i = 0; i < W; i++) x[i] = __builtin_sqrtf(x[i]);
  return x;
}
} // namespace tl::base

#include "../kernels/table.h"

namespace tl {
static bool present() { return true; }
extern const KernelSet baseSet;
const KernelSet baseSet{"base", present, nullptr, base::kernels, base::kernelCount, nullptr, true};
} // namespace tl
