// The instruction sets of this build.
#pragma once
#include "kernel.h"

namespace tl {

// Best first; those this machine lacks say so by `present`.
const KernelSet *const *allSets(int *count);

// Names with commas of those that the compiler did not know.
const char *setsLeftOut();

// Null unless this build and this machine have it.
const KernelSet *findSet(const char *name);

// A set's kernel by its number, which is the same for all sets.
const KernelEntry &kernelOf(const KernelSet &set, int number);
int kernelCount();

} // namespace tl
