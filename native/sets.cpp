#include "sets.h"
#include <cstring>

namespace tl {

#if defined(__x86_64__) || defined(_M_X64)
extern const KernelSet avx512Set, avx2Set;
#ifndef TL_WITHOUT_AVX512BF16
extern const KernelSet avx512bf16Set;
#endif
#ifndef TL_WITHOUT_AMXBF16
extern const KernelSet amxbf16Set;
#endif
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
#ifndef TL_WITHOUT_AMXBF16
    &amxbf16Set,
#endif
#ifndef TL_WITHOUT_AVX512BF16
    &avx512bf16Set,
#endif
#endif
    &basebf16Set,
#ifdef TL_MODELS
    &amxbf16modelSet,
#endif
};

#ifndef TL_LEFT_OUT
#define TL_LEFT_OUT ""
#endif
const char *setsLeftOut() { return TL_LEFT_OUT; }

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
