#include "pages.h"

#if defined(__linux__)
#include <algorithm>
#include <sys/mman.h>

namespace tl {

// Of Linux 6.1; earlier ones refuse it, and make large pages of what was asked for when they find the time.
constexpr int kCollapse = 25;
// How much of a large page the ranges must fill: between neighbours lie an allocator's notes and what others hold.
constexpr size_t kFilled = kLargePage / 4 * 3;

void useLargePages(Range *ranges, int64_t count) {
  std::sort(ranges, ranges + count, [](const Range &a, const Range &b) { return a.start < b.start; });
  uintptr_t page = 0;
  size_t filled = 0;
  const auto finish = [&] {
    if (filled < kFilled) return;
    auto *start = reinterpret_cast<void *>(page * kLargePage);
    madvise(start, kLargePage, MADV_HUGEPAGE);
    madvise(start, kLargePage, kCollapse);
  };
  for (int64_t i = 0; i < count; i++)
    for (uintptr_t from = ranges[i].start; from < ranges[i].end;) {
      if (from / kLargePage != page) {
        finish();
        page = from / kLargePage;
        filled = 0;
      }
      const uintptr_t to = std::min(ranges[i].end, (page + 1) * kLargePage);
      filled += to - from;
      from = to;
    }
  finish();
}

void expectLargePages(void *memory, size_t bytes) { madvise(memory, bytes / kLargePage * kLargePage, MADV_HUGEPAGE); }

} // namespace tl

#else

namespace tl {
void useLargePages(Range *, int64_t) {}
void expectLargePages(void *, size_t) {}
} // namespace tl

#endif
