#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "runtime/macros.h"

/// One lane of kernels/cpu/lanes8.h, for devices whose threads are lanes: the same operations in
/// the same order, hence the same bits wherever the processor multiplies and adds in one step.
namespace cutaway::kernels {

/// a b + c, rounded once.
CUTAWAY_HD inline float fma_lane(float a, float b, float c) {
#if defined(__CUDA_ARCH__) || defined(__FMA__)
  return std::fma(a, b, c);
#else
  return a * b + c;
#endif
}

/// exp8 of one number.
CUTAWAY_HD inline float exp_lane(float x) {
  const bool keep = x >= -87.0f;
  x = keep ? x : -87.0f;
  const float magic = 12582912.0f;  // 1.5 * 2^23: the low bits of the sum are the integer
  const float shifted = fma_lane(x, 1.44269504088896341f, magic);
  const float n = shifted - magic;
  float r = fma_lane(n, -0.693359375f, x);
  r = fma_lane(n, 2.12194440e-4f, r);
  float p = 1.9875691500e-4f;
  p = fma_lane(p, r, 1.3981999507e-3f);
  p = fma_lane(p, r, 8.3334519073e-3f);
  p = fma_lane(p, r, 4.1665795894e-2f);
  p = fma_lane(p, r, 1.6666665459e-1f);
  p = fma_lane(p, r, 5.0000001201e-1f);
  const float y = fma_lane(p, r * r, r) + 1.0f;
  std::uint32_t bits = 0;
  std::memcpy(&bits, &shifted, sizeof bits);
  const std::uint32_t power = (bits + 127u) << 23u;
  float scale = 0;
  std::memcpy(&scale, &power, sizeof scale);
  return keep ? y * scale : 0.0f;
}

/// How much of the motion of two nodes is motion in common, from the sum of the products of their
/// displacements and the sums of their squares: 1 - sum |x - y|^2 / (sum |x|^2 + sum |y|^2); 0
/// where that is below `least` or negative, or nothing moves.
CUTAWAY_HD inline double pattern_concordance(double product,
                                             double own,
                                             double other,
                                             double least) {
  const double both = own + other;
  const double c = both > 0 ? 2 * product / both : 0.0;
  return c > 0 && c >= least ? c : 0.0;
}

/// A half as a float, exactly.
CUTAWAY_HD inline float half_lane(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000u) << 16u;
  const std::uint32_t exponent = (half >> 10u) & 31u;
  const std::uint32_t fraction = half & 1023u;
  if (exponent == 0) {  // zero and subnormals: exact in float
    const float value = static_cast<float>(fraction) * 0x1p-24f;
    return sign != 0 ? -value : value;
  }
  const std::uint32_t bits =
      sign | ((exponent == 31 ? 255u : exponent + 112u) << 23u) | (fraction << 13u);
  float value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace cutaway::kernels
