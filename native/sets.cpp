#include "sets.h"
#include <cstring>

namespace tl {

#if defined(__x86_64__) || defined(_M_X64)
extern const KernelSet avx512Set, amxbf16Set, avx512bf16Set, avx2Set;
#elif defined(__aarch64__)
extern const KernelSet neonSet;
#endif
extern const KernelSet baseSet, basebf16Set;
#ifdef TL_MODELS
extern const KernelSet amxbf16modelSet;
#endif

static const KernelSet *const sets[] = {
#if defined(__x86_64__) || defined(_M_X64)
    &avx512Set,
    &avx2Set,
#elif defined(__aarch64__)
    &neonSet,
#endif
    &baseSet,
#if defined(__x86_64__) || defined(_M_X64)
    &amxbf16Set,
    &avx512bf16Set,
#endif
    &basebf16Set,
#ifdef TL_MODELS
    &amxbf16modelSet,
#endif
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

int kernelCount() { return sets[0]->count; }

const KernelEntry &kernelOf(const KernelSet &set, int number) {
  const KernelEntry &entry = (set.rest ? set.rest : &set)->entries[number];
  for (int i = 0; set.rest && i < set.count; i++)
    if (std::strcmp(set.entries[i].name, entry.name) == 0) return set.entries[i];
  return entry;
}

} // namespace tl
