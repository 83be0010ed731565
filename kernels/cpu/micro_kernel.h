#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/cpu/simd.h"

/// The register tile under the Winograd and direct convolutions and the matrix product: T rows by J
/// vectors of columns,
///   c[t, j] (+)= sum over k of a[t * a_row + k * a_step] * b[k * b_step + lane_offset(j)].
/// Every c is one chain of multiply-adds in the order of k, so a result does not depend on how rows
/// and columns were cut into tiles.
namespace cutaway::kernels {

/// Columns of a full panel: as many vectors as leave registers for 6 rows.
inline constexpr int kPanelVecs = kVecRegisters >= 32 ? 4 : 2;
inline constexpr int kPanel = kPanelVecs * kVecWidth;
static_assert(kPanel % 16 == 0 || 16 % kPanel == 0);

/// Most rows of a tile with J column vectors.
constexpr int most_rows(int j) {
  return j >= 4 ? 6 : j == 3 ? 8 : kVecRegisters >= 32 ? 12 : 12 / j;
}

/// Where vector `j` of the columns stands when blocks of 16 columns are `block` floats apart.
CUTAWAY_INLINE std::ptrdiff_t lane_offset(int j, std::ptrdiff_t block) {
  return j * kVecWidth / 16 * block + j * kVecWidth % 16;
}

template <int T, int J>
struct Tile {
  Vec c[static_cast<std::size_t>(T)][static_cast<std::size_t>(J)];

  CUTAWAY_INLINE void clear() {
#pragma GCC unroll 12
    for (int t = 0; t < T; ++t) {
#pragma GCC unroll 4
      for (int j = 0; j < J; ++j) c[t][j] = Vec{};
    }
  }

  CUTAWAY_INLINE void accumulate(const float* a,
                                 std::ptrdiff_t a_row,
                                 std::ptrdiff_t a_step,
                                 const float* b,
                                 std::ptrdiff_t b_step,
                                 std::int64_t count,
                                 std::ptrdiff_t b_block = 16) {
    for (std::int64_t k = 0; k < count; ++k, a += a_step, b += b_step) {
      Vec columns[static_cast<std::size_t>(J)];
#pragma GCC unroll 4
      for (int j = 0; j < J; ++j) columns[j] = load(b + lane_offset(j, b_block));
#pragma GCC unroll 12
      for (int t = 0; t < T; ++t) {
        const Vec row = broadcast(a[t * a_row]);
#pragma GCC unroll 4
        for (int j = 0; j < J; ++j) c[t][j] = fmadd(row, columns[j], c[t][j]);
      }
    }
  }
};

/// Steps of k between two helpings of prefetched columns: small helpings, for each line takes one
/// of the few buffers through which the products' own columns come from the second-level cache.
/// (Measured on 64 steps against 4: Winograd 1.2 to 1.3 times as slow.)
inline constexpr std::int64_t kHelping = 4;

/// c = a b for `rows` rows and J vectors of columns, b_step floats between the rows of b. With
/// AHEAD, `next`, the panel of b that is needed next, is fetched at the same time, in even
/// helpings: a panel is used by so few rows that reading it from memory takes as long as working on
/// it.
template <bool AHEAD, int J>
CUTAWAY_INLINE void multiply_rows(std::int64_t rows,
                                  const float* a,
                                  std::ptrdiff_t a_row,
                                  const float* b,
                                  std::ptrdiff_t b_step,
                                  std::int64_t count,
                                  float* c,
                                  std::ptrdiff_t c_row,
                                  const float* next) {
  constexpr int kMost = most_rows(J);
  const std::int64_t helping = kHelping * kMost * J * kVecWidth / 16 / rows + 1;
  const auto tile = [&]<int T>(std::integral_constant<int, T>) {
    Tile<T, J> sum;
    sum.clear();
    if constexpr (AHEAD) {
      for (std::int64_t k = 0; k < count; k += kHelping) {
        for (std::int64_t i = 0; i < helping; ++i, next += 16) __builtin_prefetch(next, 0, 2);
        sum.accumulate(a + k, a_row, 1, b + k * b_step, b_step,
                       count - k < kHelping ? count - k : kHelping);
      }
    } else {
      sum.accumulate(a, a_row, 1, b, b_step, count);
    }
    for (int t = 0; t < T; ++t) {
      for (int j = 0; j < J; ++j) store(c + t * c_row + j * kVecWidth, sum.c[t][j]);
    }
    a += T * a_row;
    c += T * c_row;
    rows -= T;
  };
  while (rows >= kMost) tile(std::integral_constant<int, kMost>{});
  if constexpr (kMost > 6) {
    if (rows >= 6) tile(std::integral_constant<int, 6>{});
  }
  switch (rows) {
    case 5:
      return tile(std::integral_constant<int, 5>{});
    case 4:
      return tile(std::integral_constant<int, 4>{});
    case 3:
      return tile(std::integral_constant<int, 3>{});
    case 2:
      return tile(std::integral_constant<int, 2>{});
    case 1:
      return tile(std::integral_constant<int, 1>{});
    default:
      return;
  }
}

/// c = a b for one packed panel of b, whose rows stand `width` floats apart; of its columns, the
/// vectors that hold the first `columns` are computed. `next`: see multiply_rows.
template <bool AHEAD>
void multiply_panel(std::int64_t rows,
                    const float* a,
                    std::ptrdiff_t a_row,
                    const float* b,
                    std::int64_t width,
                    std::int64_t columns,
                    std::int64_t count,
                    float* c,
                    std::ptrdiff_t c_row,
                    const float* next) {
  for (; columns > 0; columns -= kPanel, b += kPanel, c += kPanel) {
    switch (columns <= kPanel - kVecWidth ? (columns + kVecWidth - 1) / kVecWidth : kPanelVecs) {
      case 1:
        multiply_rows<AHEAD, 1>(rows, a, a_row, b, width, count, c, c_row, next);
        break;
      case 2:
        multiply_rows<AHEAD, 2>(rows, a, a_row, b, width, count, c, c_row, next);
        break;
      case 3:
        multiply_rows < AHEAD,
            kPanelVecs<3 ? kPanelVecs : 3>(rows, a, a_row, b, width, count, c, c_row, next);
        break;
      default:
        multiply_rows<AHEAD, kPanelVecs>(rows, a, a_row, b, width, count, c, c_row, next);
        break;
    }
  }
}

}  // namespace cutaway::kernels
