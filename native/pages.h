// Large pages for memory that is read as a whole, such as weights.
#pragma once
#include <cstddef>
#include <cstdint>

namespace tl {

struct Range {
  uintptr_t start, end;
};

// Bytes of a large page.
constexpr size_t kLargePage = size_t(2) << 20;

// Asks the system to hold these ranges, neighbours together, in large pages. A hint: nothing depends on what comes of it, and
// where there are no such pages nothing is done.
void useLargePages(Range *ranges, int64_t count);

} // namespace tl
