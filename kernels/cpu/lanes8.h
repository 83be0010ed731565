#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "kernels/cpu/level.h"
#include "runtime/macros.h"

/// Eight floats as a GCC vector, whatever the machine: for loops whose natural width is a handful.
namespace cutaway::kernels {

typedef float F8 __attribute__((vector_size(32)));
typedef std::int32_t I8 __attribute__((vector_size(32)));

CUTAWAY_INLINE F8 load8(const float* p) {
  F8 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
CUTAWAY_INLINE void store8(float* p, F8 v) { std::memcpy(p, &v, sizeof v); }
CUTAWAY_INLINE F8 all8(float x) {
#if defined(__AVX2__)
  return _mm256_set1_ps(x);
#else
  return x - F8{};
#endif
}
CUTAWAY_INLINE F8 fma8(F8 a, F8 b, F8 c) {
#if defined(__FMA__)
  return _mm256_fmadd_ps(a, b, c);
#else
  return a * b + c;
#endif
}
/// table[index[l]] in lane l; indices 0..7.
CUTAWAY_INLINE F8 pick8(F8 table, I8 index) {
#if defined(__AVX2__)
  return _mm256_permutevar8x32_ps(table, reinterpret_cast<__m256i>(index));
#else
  return __builtin_shuffle(table, index);
#endif
}
/// The sum of the lanes, pairwise: the same bits everywhere.
CUTAWAY_INLINE float sum8(F8 v) {
  return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}
CUTAWAY_INLINE double sum8_double(F8 v) {
  double sum = 0;
  for (int l = 0; l < 8; ++l) sum += static_cast<double>(v[l]);
  return sum;
}

/// exp(x) for x <= 88 within 2 ulp; 0 below -87. Cephes' polynomial after x = n ln 2 + r.
CUTAWAY_INLINE F8 exp8(F8 x) {
  const F8 low = all8(-87.0f);
  const I8 keep = x >= low;
  x = keep ? x : low;
  const F8 magic = all8(12582912.0f);  // 1.5 * 2^23: the low bits of the sum are the integer
  const F8 shifted = fma8(x, all8(1.44269504088896341f), magic);
  const F8 n = shifted - magic;
  F8 r = fma8(n, all8(-0.693359375f), x);
  r = fma8(n, all8(2.12194440e-4f), r);
  F8 p = all8(1.9875691500e-4f);
  p = fma8(p, r, all8(1.3981999507e-3f));
  p = fma8(p, r, all8(8.3334519073e-3f));
  p = fma8(p, r, all8(4.1665795894e-2f));
  p = fma8(p, r, all8(1.6666665459e-1f));
  p = fma8(p, r, all8(5.0000001201e-1f));
  const F8 y = fma8(p, r * r, r) + 1.0f;
  I8 bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  // Unsigned: the shift drops the magic's own bits.
  typedef std::uint32_t U8 __attribute__((vector_size(32)));
  const U8 power = (reinterpret_cast<U8>(bits) + 127u) << 23u;
  F8 scale;
  std::memcpy(&scale, &power, sizeof scale);
  return keep ? y * scale : F8{};
}

}  // namespace cutaway::kernels
