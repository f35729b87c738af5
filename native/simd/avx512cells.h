// Cells of bf16 by AVX512-BF16.
#pragma once
#include "vector.h"

namespace tl::TL_SET {

inline F cellsInLine(F first, F second) { return reinterpret_cast<F>(_mm512_cvtne2ps_pbh(second, first)); }

inline F cells(F low, F high) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5,
                                         20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return reinterpret_cast<F>(_mm512_permutexvar_epi16(order, reinterpret_cast<__m512i>(cellsInLine(low, high))));
}

inline F multiplied(F sum, F left, F right) {
  return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(left), reinterpret_cast<__m512bh>(right));
}

} // namespace tl::TL_SET
