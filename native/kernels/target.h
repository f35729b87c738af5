// Where a product goes.
#pragma once
#include "pack.h"

namespace tl::TL_SET {

// What happens to a finished product P: C = [C +] alpha P [+ bias] [+ add].
struct Target {
  float *c;
  int64_t row;
  float alpha = 1;
  bool accumulate = false;
  const float *bias = nullptr;
  const float *add = nullptr;
  int64_t addRow = 0;
  Target at(int64_t i, int64_t j) const {
    Target t = *this;
    t.c += i * row + j;
    if (bias) t.bias += j;
    if (add) t.add += i * addRow + j;
    return t;
  }
};

} // namespace tl::TL_SET
