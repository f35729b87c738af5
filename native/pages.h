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

// Asks the system for large pages wherever these ranges together fill most of one. A hint: nothing depends on what comes of it, and
// where there are no such pages nothing is done.
void useLargePages(Range *ranges, int64_t count);

// The same for memory that is not in use yet.
void expectLargePages(void *memory, size_t bytes);

} // namespace tl
