#include <algorithm>
#include <cstring>

#include "kernels/cpu/gemm_blocked.h"
#include "kernels/cpu/simd.h"

namespace cutaway::kernels {
namespace {

// A register tile is rows of a by rows of b, each pair with one vector of partial sums along k.
constexpr int kTileRows = kVecRegisters >= 32 ? 6 : 3;
constexpr int kTileColumns = 4;
// A block: 512 numbers along k of 16 rows of b (32 KiB) against those of 48 rows of a, in the
// second-level cache; the sums of the block stand on the stack. Few rows leave b to be read in
// longer runs.
constexpr std::int64_t kBlockRows = 48, kBlockColumns = 16;
constexpr std::int64_t block_depth(std::int64_t rows) { return rows <= 8 ? 8192 : 512; }

CUTAWAY_INLINE Vec load_some(const float* p, std::int64_t count) {
  float lanes[kVecWidth] = {};
  for (std::int64_t i = 0; i < count; ++i) lanes[i] = p[i];
  return load(lanes);
}

/// The lanes of a vector, added pairwise.
CUTAWAY_INLINE float sum_lanes(const float* p) {
  float lanes[kVecWidth];
  std::memcpy(lanes, p, sizeof lanes);
#pragma GCC unroll 4
  for (int half = kVecWidth / 2; half > 0; half /= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

/// sums[t][j] += a[t] . b[j] over `depth` numbers; the last, incomplete vector is padded with
/// zeros.
template <int T, int J>
[[gnu::noinline]] void dot_tile(const float* a,
                                std::int64_t lda,
                                const float* b,
                                std::int64_t ldb,
                                std::int64_t depth,
                                float* sums) {
  Vec acc[static_cast<std::size_t>(T)][static_cast<std::size_t>(J)];
  constexpr std::int64_t kRow = kBlockColumns * kVecWidth;
#pragma GCC unroll 6
  for (int t = 0; t < T; ++t) {
#pragma GCC unroll 4
    for (int j = 0; j < J; ++j) acc[t][j] = load(sums + t * kRow + j * kVecWidth);
  }
  const auto step = [&](auto&& read, std::int64_t k) {
    // The fewer values stay in registers for the inner loop: 12 sums, 3 rows of a and one of b
    // make 16.
    Vec rows[static_cast<std::size_t>(T)];
#pragma GCC unroll 6
    for (int t = 0; t < T; ++t) rows[t] = in_register(read(a + t * lda + k));
#pragma GCC unroll 4
    for (int j = 0; j < J; ++j) {
      const Vec column = in_register(read(b + j * ldb + k));
#pragma GCC unroll 6
      for (int t = 0; t < T; ++t) acc[t][j] = fmadd(rows[t], column, acc[t][j]);
    }
  };
  std::int64_t k = 0;
  for (; k + kVecWidth <= depth; k += kVecWidth) step([](const float* p) { return load(p); }, k);
  if (k < depth) step([&](const float* p) { return load_some(p, depth - k); }, k);
#pragma GCC unroll 6
  for (int t = 0; t < T; ++t) {
#pragma GCC unroll 4
    for (int j = 0; j < J; ++j) store(sums + t * kRow + j * kVecWidth, acc[t][j]);
  }
}

template <int J>
void dot_rows(std::int64_t rows,
              const float* a,
              std::int64_t lda,
              const float* b,
              std::int64_t ldb,
              std::int64_t depth,
              float* sums) {
  constexpr std::int64_t kRow = kBlockColumns * kVecWidth;
  for (; rows >= kTileRows; rows -= kTileRows, a += kTileRows * lda, sums += kTileRows * kRow) {
    dot_tile<kTileRows, J>(a, lda, b, ldb, depth, sums);
  }
  for (; rows >= 2; rows -= 2, a += 2 * lda, sums += 2 * kRow)
    dot_tile<2, J>(a, lda, b, ldb, depth, sums);
  if (rows == 1) dot_tile<1, J>(a, lda, b, ldb, depth, sums);
}

/// Rows [row, row + rows) and columns [column, column + columns) of c.
void dot_block(
    const Gemm& g, std::int64_t row, std::int64_t rows, std::int64_t column, std::int64_t columns) {
  alignas(64) float sums[kBlockRows * kBlockColumns * kVecWidth];
  std::fill(sums, sums + rows * kBlockColumns * kVecWidth, 0.0f);
  const std::int64_t most = block_depth(rows);
  for (std::int64_t k = 0; k < g.k; k += most) {
    const std::int64_t depth = std::min(most, g.k - k);
    const float* a = g.a + row * g.lda + k;
    for (std::int64_t j = 0; j < columns; j += kTileColumns) {
      const float* b = g.b + (column + j) * g.ldb + k;
      float* to = sums + j * kVecWidth;
      switch (std::min<std::int64_t>(kTileColumns, columns - j)) {
        case 4:
          dot_rows<4>(rows, a, g.lda, b, g.ldb, depth, to);
          break;
        case 3:
          dot_rows<3>(rows, a, g.lda, b, g.ldb, depth, to);
          break;
        case 2:
          dot_rows<2>(rows, a, g.lda, b, g.ldb, depth, to);
          break;
        default:
          dot_rows<1>(rows, a, g.lda, b, g.ldb, depth, to);
          break;
      }
    }
  }
  for (std::int64_t t = 0; t < rows; ++t) {
    for (std::int64_t j = 0; j < columns; ++j) {
      float& c = g.c[(row + t) * g.ldc + column + j];
      const float sum = sum_lanes(sums + (t * kBlockColumns + j) * kVecWidth);
      c = g.beta == 0.0f ? sum : g.beta * c + sum;
    }
  }
}

}  // namespace

void gemm_dot(const Gemm& g, int threads) {
  const std::int64_t row_blocks = (g.m + kBlockRows - 1) / kBlockRows;
  const std::int64_t column_blocks = (g.n + kBlockColumns - 1) / kBlockColumns;
  // Blocks of the same columns follow each other, so that b is read from memory once.
#pragma omp parallel for schedule(static) num_threads(threads) if (g.m * g.n * g.k > 65536)
  for (std::int64_t block = 0; block < row_blocks * column_blocks; ++block) {
    const std::int64_t row = block % row_blocks * kBlockRows;
    const std::int64_t column = block / row_blocks * kBlockColumns;
    dot_block(g, row, std::min(kBlockRows, g.m - row), column,
              std::min(kBlockColumns, g.n - column));
  }
}

}  // namespace cutaway::kernels
