// The instruction sets of this build.
#pragma once
#include "kernel.h"

namespace tl {

// Best first; those this machine lacks say so by `present`.
const KernelSet *const *allSets(int *count);

// Null unless this build and this machine have it.
const KernelSet *findSet(const char *name);

} // namespace tl
