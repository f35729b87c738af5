// What a product of matrices is asked for: C = alpha A B [+ s (A D) V] [+ bias] [+ E].
#pragma once
#ifdef TL_TILES
#include "tilePanels.h"
#else
#include "panels.h"
#endif

namespace tl::TL_SET {

struct Product {
  int64_t m, n, k;
  Matrix a, b;
  Target target;
  // A further term s U V with U = A D [m, rank], as if its columns stood behind those of A. U is kept in `u`.
  int64_t rank = 0;
  Matrix down{}, v{};
  float *u = nullptr;
  float scale = 1;
};

} // namespace tl::TL_SET
