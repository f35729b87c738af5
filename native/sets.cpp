#include "sets.h"
#include <cstring>

namespace tl {

#if defined(__x86_64__) || defined(_M_X64)
extern const KernelSet avx512Set, avx2Set;
#endif
extern const KernelSet baseSet;

static const KernelSet *const sets[] = {
#if defined(__x86_64__) || defined(_M_X64)
    &avx512Set,
    &avx2Set,
#endif
    &baseSet,
};

const KernelSet *const *allSets(int *count) {
  *count = sizeof sets / sizeof *sets;
  return sets;
}

const KernelSet *findSet(const char *name) {
  for (const KernelSet *set : sets)
    if (std::strcmp(set->name, name) == 0 && set->present()) return set;
  return nullptr;
}

} // namespace tl
