// What the processor has and the system saves, asked of the processor itself: not every compiler's library can tell.
#pragma once

namespace tl {

bool hasAvx2();
// With the parts for bytes, doubles and short vectors, and with FMA.
bool hasAvx512();
bool hasAvx512Bf16();
// Tiles of bf16, which this process may use from then on.
bool hasAmxBf16();

} // namespace tl
