// Elementary functions of vectors, within a few units in the last place of f32.
#pragma once
#include "vector.h"

namespace tl::TL_SET {

// Exact for |x| < 2^22; larger magnitudes are whole already.
inline F nearest(F x) {
  const F shift = splat(12582912.0f);
  F magnitude = floats(bits(x) & 0x7fffffff);
  F rounded = (x + shift) - shift;
  return pick(magnitude < splat(4194304.0f), floats(bits(rounded) | (bits(x) & INT32_MIN)), x);
}
inline F below(F x) {
  F r = nearest(x);
  return pick(r > x, r - 1.0f, r);
}

// 2^n for whole n in [-126, 127].
inline F powerOfTwo(I n) { return floats((n + 127) << 23); }

inline F polynomial(F, F sum) { return sum; }
template <class... Rest> inline F polynomial(F x, F sum, float next, Rest... rest) {
  return polynomial(x, sum * x + next, rest...);
}

// e^r for |r| <= ln(2)/2, by its series to the seventh power.
inline F expReduced(F r) {
  return polynomial(r, splat(1.0f / 5040), 1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f);
}

// x / ln 2 to the nearest whole number, added to a number so large that its last bits are that one.
inline F shifted(F x) { return x * 1.44269504f + splat(12582912.0f); }
inline F unshifted(F t) { return t - splat(12582912.0f); }
// x - n ln 2, with ln 2 in two parts.
inline F reduced(F x, F n) { return (x - n * 0.693359375f) + n * 2.12194440e-4f; }

inline F exp(F x) {
  x = smaller(splat(89.0f), x);
  x = larger(splat(-104.0f), x);
  const F t = shifted(x), n = unshifted(t), y = expReduced(reduced(x, n));
#if TL_BYTES == 64
  return _mm512_scalef_ps(y, n);
#else
  // In two factors, so that results near the ends of the range neither overflow early nor lose subnormals.
  I whole = bits(t) - bits(splat(12582912.0f));
  I half = whole >> 1;
  return y * powerOfTwo(half) * powerOfTwo(whole - half);
#endif
}

// For x <= 0, as in softmax: below -87 the result is 0, where `exp` has subnormal numbers.
inline F expNegative(F x) {
  const F t = shifted(larger(splat(-87.0f), x)), n = unshifted(t), y = expReduced(reduced(x, n));
#if TL_BYTES == 64
  const F scaled = _mm512_scalef_ps(y, n);
#else
  const F scaled = y * powerOfTwo(bits(t) - bits(splat(12582912.0f)));
#endif
  return pick(x < splat(-87.0f), F{}, scaled);
}

inline F sigmoid(F x) { return 1.0f / (1.0f + exp(-x)); }

inline F expm1(F x) {
  F series = polynomial(x, splat(1.0f / 40320), 1.0f / 5040, 1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f);
  I small = (floats(bits(x) & 0x7fffffff) < splat(0.5f));
  return pick(small, series * x, exp(x) - 1.0f);
}

// 2 artanh(f / (2 + f)) with f = m - 1, m in [1/√2, √2).
inline F log(F x) {
  const F least = splat(1.17549435e-38f);
  I tiny = x < least;
  F scaled = pick(tiny, x * 8388608.0f, x);
  I exponent = ((bits(scaled) >> 23) & 0xff) - 126;
  F m = floats((bits(scaled) & 0x007fffff) | 0x3f000000);
  I low = m < splat(0.707106781f);
  m = pick(low, m + m, m);
  F e = __builtin_convertvector(exponent + low - (tiny & 23), F);
  F f = m - 1.0f;
  F s = f / (2.0f + f);
  F z = s * s;
  F series = polynomial(z, splat(2.0f / 11), 2.0f / 9, 2.0f / 7, 2.0f / 5, 2.0f / 3, 2.0f) * s;
  F y = e * 0.693359375f + (series - e * 2.12194440e-4f);
  y = pick(x == splat(INFINITY), x, y);
  y = pick(x == F{}, splat(-INFINITY), y);
  return pick(x >= F{}, y, splat(NAN));
}

// ln(u) x / (u - 1) with u = 1 + x rounded: the rounding of u cancels (Goldberg 1991, theorem 4).
inline F log1p(F x) {
  F u = 1.0f + x;
  F y = log(u);
  F corrected = y * (x / (u - 1.0f));
  y = pick(u == x, y, corrected);
  return pick(u == splat(1.0f), x, y);
}

inline F tanh(F x) {
  F magnitude = floats(bits(x) & 0x7fffffff);
  F z = x * x;
  // Odd series for small x, by Chebyshev approximation (Cephes).
  F series = polynomial(z, splat(-5.70498872745e-3f), 2.06390887954e-2f, -5.37397155531e-2f, 1.33314422036e-1f,
                        -3.33332819422e-1f);
  F small = x + x * z * series;
  F large = 1.0f - 2.0f / (exp(magnitude + magnitude) + 1.0f);
  large = floats(bits(large) | (bits(x) & INT32_MIN));
  return pick(magnitude < splat(0.625f), small, large);
}

// Series below 1 (Abramowitz & Stegun 7.1.5), rational approximation above (7.1.26, error 1.5e-7).
inline F erf(F x) {
  F magnitude = floats(bits(x) & 0x7fffffff);
  F z = x * x;
  F series = polynomial(z, splat(1.0f / 76204800), -1.0f / 6894720, 1.0f / 685440, -1.0f / 75600, 1.0f / 9360,
                        -1.0f / 1320, 1.0f / 216, -1.0f / 42, 0.1f, -1.0f / 3, 1.0f);
  F t = 1.0f / (1.0f + 0.3275911f * magnitude);
  F tail = polynomial(t, splat(1.061405429f), -1.453152027f, 1.421413741f, -0.284496736f, 0.254829592f) * t;
  F large = 1.0f - tail * exp(-z);
  large = floats(bits(large) | (bits(x) & INT32_MIN));
  return pick(magnitude < splat(1.0f), 1.12837917f * x * series, large);
}

template <class Function> inline F eachLane(F x, Function function) {
  for (int i = 0; i < W; i++) x[i] = function(x[i]);
  return x;
}

} // namespace tl::TL_SET
