#include "pages.h"

#if defined(__linux__)
#include <algorithm>
#include <sys/mman.h>
#include <unistd.h>

namespace tl {

// Of Linux 6.1; earlier ones refuse it, and make large pages of what was asked for when they find the time.
constexpr int kCollapse = 25;

void useLargePages(Range *ranges, int64_t count) {
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  // Between neighbours lie at most an allocator's notes and what is left of a page.
  const uintptr_t gap = page + 64;
  std::sort(ranges, ranges + count, [](const Range &a, const Range &b) { return a.start < b.start; });
  for (int64_t i = 0; i < count;) {
    Range whole = ranges[i++];
    for (; i < count && ranges[i].start <= whole.end + gap; i++) whole.end = std::max(whole.end, ranges[i].end);
    const uintptr_t start = whole.start / page * page, end = (whole.end + page - 1) / page * page;
    const uintptr_t from = (start + kLargePage - 1) / kLargePage * kLargePage, to = end / kLargePage * kLargePage;
    if (from >= to) continue;
    madvise(reinterpret_cast<void *>(start), end - start, MADV_HUGEPAGE);
    madvise(reinterpret_cast<void *>(from), to - from, kCollapse);
  }
}

} // namespace tl

#else

namespace tl {
void useLargePages(Range *, int64_t) {}
} // namespace tl

#endif
