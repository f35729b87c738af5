// What every processor of the platform has: SSE2 on x86, NEON on ARM.
#define TL_SET base
#define TL_BYTES 16
#if defined(__aarch64__)
#define TL_ROWS 8
#define TL_VECTORS 3
#else
#define TL_ROWS 6
#define TL_VECTORS 2
#endif
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
