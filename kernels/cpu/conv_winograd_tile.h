#pragma once

#include <cstddef>
#include <cstring>

#include "kernels/cpu/simd.h"

/// The tile transforms of Winograd's minimal filtering with the points 0, 1, -1, 2, -2, infinity
/// (Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section 4.3):
/// Y = A' [ (G g G') * (B' d B) ] A. The six points give F(4x4, 3x3) and F(2x2, 5x5), which differ
/// in A and G only: 36 products for 144 and for 100. Lanes are channels.
namespace cutaway::kernels::winograd {

inline constexpr int kIn = 6;  ///< inputs a side
/// Outputs a side of a tile, for a kernel of 3 or 5 taps a side.
[[nodiscard]] constexpr int outputs_of(int taps) { return kIn + 1 - taps; }
inline constexpr int kPoints = kIn * kIn;     ///< products a tile
inline constexpr std::ptrdiff_t kBlock = 16;  ///< channels of a layout block

/// o = B' d, one dimension.
CUTAWAY_INLINE void input_points(const Vec (&d)[kIn], Vec (&o)[kIn]) {
  const Vec t0 = fmadd(-4.0f, d[2], d[4]);
  const Vec t1 = fmadd(-4.0f, d[1], d[3]);
  const Vec t2 = d[4] - d[2];
  const Vec t3 = d[3] - d[1];
  o[0] = fmadd(4.0f, d[0], fmadd(-5.0f, d[2], d[4]));
  o[1] = t0 + t1;
  o[2] = t0 - t1;
  o[3] = fmadd(2.0f, t3, t2);
  o[4] = fmadd(-2.0f, t3, t2);
  o[5] = fmadd(4.0f, d[1], fmadd(-5.0f, d[3], d[5]));
}

/// o = A' m, one dimension: 4 or 2 outputs.
template <int OUT>
CUTAWAY_INLINE void output_points(const Vec (&m)[kIn], Vec (&o)[static_cast<unsigned>(OUT)]) {
  const Vec a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], d = m[3] - m[4];
  o[0] = m[0] + a + c;
  if constexpr (OUT == 2) {
    o[1] = fmadd(2.0f, d, b) + m[5];
  } else {
    o[1] = fmadd(2.0f, d, b);
    o[2] = fmadd(4.0f, c, a);
    o[3] = fmadd(8.0f, d, b) + m[5];
  }
}

/// B' d B of one tile and one block of 16 channels: `from` is the tile's first pixel, `v` the place
/// of the block in the first of 36 planes.
CUTAWAY_INLINE void input_tile(
    const float* from, std::ptrdiff_t row, std::ptrdiff_t column, float* v, std::ptrdiff_t plane) {
  for (int part = 0; part < kVecsPerBlock; ++part, from += kVecWidth, v += kVecWidth) {
    Vec half[kIn][kIn];
    for (int j = 0; j < kIn; ++j) {
      Vec d[kIn], o[kIn];
#pragma GCC unroll 6
      for (int i = 0; i < kIn; ++i) d[i] = load(from + i * row + j * column);
      input_points(d, o);
#pragma GCC unroll 6
      for (int i = 0; i < kIn; ++i) half[i][j] = o[i];
    }
    for (int i = 0; i < kIn; ++i) {
      Vec o[kIn];
      input_points(half[i], o);
#pragma GCC unroll 6
      for (int j = 0; j < kIn; ++j) store(v + (i * kIn + j) * plane, o[j]);
    }
  }
}

/// A' m A + bias, clamped at 0 if `relu`, of one tile and one block of 16 channels.
template <int OUT>
CUTAWAY_INLINE void output_tile(const float* m,
                                std::ptrdiff_t plane,
                                const float* bias,
                                bool relu,
                                float* to,
                                std::ptrdiff_t row,
                                std::ptrdiff_t column) {
  for (int part = 0; part < kVecsPerBlock;
       ++part, m += kVecWidth, bias += kVecWidth, to += kVecWidth) {
    Vec half[static_cast<unsigned>(OUT)][kIn];
    for (int j = 0; j < kIn; ++j) {
      Vec d[kIn], o[static_cast<unsigned>(OUT)];
#pragma GCC unroll 6
      for (int i = 0; i < kIn; ++i) d[i] = load(m + (i * kIn + j) * plane);
      output_points<OUT>(d, o);
#pragma GCC unroll 4
      for (int i = 0; i < OUT; ++i) half[i][j] = o[i];
    }
    const Vec b = load(bias);
    for (int i = 0; i < OUT; ++i) {
      Vec o[static_cast<unsigned>(OUT)];
      output_points<OUT>(half[i], o);
#pragma GCC unroll 4
      for (int j = 0; j < OUT; ++j) {
        const Vec sum = o[j] + b;
        store(to + i * row + j * column, relu ? clamp_at_zero(sum) : sum);
      }
    }
  }
}

}  // namespace cutaway::kernels::winograd
