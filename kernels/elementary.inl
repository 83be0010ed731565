// Elementary functions for index-space kernels: plain arithmetic, so that both devices give the
// same bits and a loop over lanes becomes vector code, whatever the mathematics library does.
// Errors are below 3 ulp unless said otherwise; NaN gives NaN. Included by .inl files after a
// device's for_each.
#pragma once

#include <cstdint>

#include "runtime/shape.h"

namespace cutaway::kernels {
namespace {

/// e^r - 1 = r + r^2 p(r) for r in [-log(2)/2, log(2)/2], and the power of two that was taken out:
/// x = n log(2) + r (Cody & Waite 1980; coefficients of Moshier's Cephes, expf).
struct ReducedExponential {
  float minus_one;
  std::uint32_t n;  // a two's complement number

  CUTAWAY_HD explicit ReducedExponential(float x) {
    // Adding 1.5 * 2^23 rounds to the nearest integer, and leaves it in the low bits.
    constexpr float kRounder = 12582912.0f;
    const float shifted = x * 1.44269504088896341f + kRounder;
    const float whole = shifted - kRounder;
    const float r = (x - whole * 0.693359375f) - whole * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    minus_one = p * (r * r) + r;
    n = __builtin_bit_cast(std::uint32_t, shifted) - __builtin_bit_cast(std::uint32_t, kRounder);
  }
};

/// 2^n for n in [-126, 127].
CUTAWAY_HD inline float power_of_two(std::uint32_t n) {
  return __builtin_bit_cast(float, (n + 127u) << 23);
}

/// e^x. 0 below -104, infinity above 88.8.
CUTAWAY_HD inline float exp_of(float x) {
  const float low = x < -104.0f ? -104.0f : x;
  const ReducedExponential e(low > 89.0f ? 89.0f : low);
  // In two factors: 2^128 and 2^-150 are no normal floats.
  const std::uint32_t half = static_cast<std::uint32_t>(static_cast<std::int32_t>(e.n) / 2);
  return (1.0f + e.minus_one) * power_of_two(half) * power_of_two(e.n - half);
}

/// e^x - 1, accurate near 0, for x up to 80 (larger ones count as 80).
CUTAWAY_HD inline float expm1_of(float x) {
  const float low = x < -80.0f ? -80.0f : x;
  const ReducedExponential e(low > 80.0f ? 80.0f : low);
  const float scale = power_of_two(e.n);
  return e.minus_one * scale + (scale - 1.0f);
}

/// log(1 + t) for t in [0, 1]: 2 artanh(s), s = t / (2 + t) <= 1/3, by its series.
CUTAWAY_HD inline float log1p_of(float t) {
  const float s = t / (2.0f + t);
  const float q = s * s;
  float p = 1.0f / 15.0f;
  p = p * q + 1.0f / 13.0f;
  p = p * q + 1.0f / 11.0f;
  p = p * q + 1.0f / 9.0f;
  p = p * q + 1.0f / 7.0f;
  p = p * q + 1.0f / 5.0f;
  p = p * q + 1.0f / 3.0f;
  return 2.0f * s + 2.0f * s * (q * p);
}

/// tanh(x) = (e^2x - 1) / (e^2x + 1).
CUTAWAY_HD inline float tanh_of(float x) {
  const float a = x < 0.0f ? -x : x;
  const float e = expm1_of(2.0f * (a > 10.0f ? 10.0f : a));
  const float t = e / (e + 2.0f);
  return x < 0.0f ? -t : t;
}

/// 1 / (1 + e^-x).
CUTAWAY_HD inline float sigmoid_of(float x) { return 1.0f / (1.0f + exp_of(-x)); }

/// The error function, within 4e-7: x p(x^2) / q(x^2) on [-4, 4] (the rational minimax
/// approximation of Eigen and XLA).
CUTAWAY_HD inline float erf_of(float x) {
  const float low = x < -4.0f ? -4.0f : x;
  const float z = low > 4.0f ? 4.0f : low;
  const float q = z * z;
  float p = -2.72614225801306e-10f;
  p = p * q + 2.77068142495902e-08f;
  p = p * q + -2.10102402082508e-06f;
  p = p * q + -5.69250639462346e-05f;
  p = p * q + -7.34990630326855e-04f;
  p = p * q + -2.95459980854025e-03f;
  p = p * q + -1.60960333262415e-02f;
  float d = -1.45660718464996e-05f;
  d = d * q + -2.13374055278905e-04f;
  d = d * q + -1.68282697438203e-03f;
  d = d * q + -7.37332916720468e-03f;
  d = d * q + -1.42647390514189e-02f;
  return z * p / d;
}

}  // namespace
}  // namespace cutaway::kernels
