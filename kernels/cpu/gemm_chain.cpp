#include <algorithm>
#include <cstring>

#include "kernels/cpu/gemm_blocked.h"
#include "kernels/cpu/micro_kernel.h"
#include "runtime/shape.h"

namespace cutaway::kernels {
namespace {

/// Strides of a' and b' whatever is transposed.
struct Operands {
  std::int64_t a_row, a_step, b_column, b_step;

  explicit Operands(const Gemm& g)
      : a_row(g.transpose_a ? 1 : g.lda),
        a_step(g.transpose_a ? g.lda : 1),
        b_column(g.transpose_b ? g.ldb : 1),
        b_step(g.transpose_b ? 1 : g.ldb) {}
};

/// c = beta c for a block; beta = 0 writes zeros without reading.
void scale(
    const Gemm& g, std::int64_t row, std::int64_t rows, std::int64_t column, std::int64_t columns) {
  if (g.beta == 1.0f) return;
  for (std::int64_t t = row; t < row + rows; ++t) {
    float* c = g.c + t * g.ldc + column;
    for (std::int64_t i = 0; i < columns; ++i) c[i] = g.beta == 0.0f ? 0.0f : g.beta * c[i];
  }
}

// --- few rows: b is streamed along its rows --------------------------------------------

constexpr std::int64_t kFewRows = 8;
constexpr std::int64_t kStreamFloats = 16384;  // of c, in one piece
constexpr int kStreamDepth = 4;                // rows of b at a time
constexpr int kGroup = 4;                      // rows of c at a time

/// c[t] += sum over D rows of b of a[t, k] b[k], for T rows of c.
template <int T, int D>
void stream_rows(const float* const (&a)[kGroup],
                 std::int64_t a_step,
                 const float* b,
                 std::int64_t ldb,
                 float* c,
                 std::int64_t ldc,
                 std::int64_t columns) {
  std::int64_t i = 0;
  for (; i + kVecWidth <= columns; i += kVecWidth) {
    Vec sum[static_cast<std::size_t>(T)];
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t) sum[t] = load(c + t * ldc + i);
#pragma GCC unroll 4
    for (int k = 0; k < D; ++k) {
      const Vec row = load(b + k * ldb + i);
#pragma GCC unroll 4
      for (int t = 0; t < T; ++t) sum[t] = fmadd(broadcast(a[t][k * a_step]), row, sum[t]);
    }
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t) store(c + t * ldc + i, sum[t]);
  }
  for (; i < columns; ++i) {
    for (int t = 0; t < T; ++t) {
      // One lane of a vector: the same rounding as above.
      Vec sum = broadcast(c[t * ldc + i]);
      for (int k = 0; k < D; ++k)
        sum = fmadd(broadcast(a[t][k * a_step]), broadcast(b[k * ldb + i]), sum);
      c[t * ldc + i] = sum[0];
    }
  }
}

/// D rows of b from row k on, for all rows of c.
template <int D>
void stream_step(
    const Gemm& g, const Operands& o, std::int64_t k, std::int64_t column, std::int64_t columns) {
  const float* b = g.b + k * g.ldb + column;
  for (std::int64_t row = 0; row < g.m; row += kGroup) {
    const float* a[kGroup] = {};
    const std::int64_t rows = std::min<std::int64_t>(kGroup, g.m - row);
    for (std::int64_t t = 0; t < rows; ++t) a[t] = g.a + (row + t) * o.a_row + k * o.a_step;
    float* c = g.c + row * g.ldc + column;
    switch (rows) {
      case 1:
        stream_rows<1, D>(a, o.a_step, b, g.ldb, c, g.ldc, columns);
        break;
      case 2:
        stream_rows<2, D>(a, o.a_step, b, g.ldb, c, g.ldc, columns);
        break;
      case 3:
        stream_rows<3, D>(a, o.a_step, b, g.ldb, c, g.ldc, columns);
        break;
      default:
        stream_rows<4, D>(a, o.a_step, b, g.ldb, c, g.ldc, columns);
        break;
    }
  }
}

void stream(const Gemm& g, int threads) {
  const Operands o(g);
  // Long pieces, so that memory is read in long runs, but short enough to keep those of c in the
  // cache.
  const std::int64_t pieces = round_up(ceil_div(g.n, kStreamFloats / g.m), threads);
  const std::int64_t step = round_up(ceil_div(g.n, pieces), 16);
#pragma omp parallel for schedule(static) num_threads(threads) if (g.m * g.n * g.k > 65536)
  for (std::int64_t column = 0; column < g.n; column += step) {
    const std::int64_t columns = std::min(step, g.n - column);
    scale(g, 0, g.m, column, columns);
    std::int64_t k = 0;
    for (; k + kStreamDepth <= g.k; k += kStreamDepth)
      stream_step<kStreamDepth>(g, o, k, column, columns);
    for (; k < g.k; ++k) stream_step<1>(g, o, k, column, columns);
  }
}

// --- many rows: strips of a and panels of b are packed ---------------------------------

constexpr std::int64_t kDepth = 256;  // of a packed block
constexpr std::int64_t kStrip = 6;    // rows of a in one register tile
constexpr std::int64_t kBlockRows = 192;
constexpr std::int64_t kBlockColumns = 512;

/// packed[i][0..count) = from[i * step + j * column], i < depth: WIDTH numbers apart, zeros after
/// count.
template <std::int64_t WIDTH>
void pack(const float* from,
          std::int64_t step,
          std::int64_t column,
          std::int64_t depth,
          std::int64_t count,
          float* packed) {
  if (count < WIDTH) {
    std::fill(packed, packed + depth * WIDTH, 0.0f);
    for (std::int64_t i = 0; i < depth; ++i) {
      for (std::int64_t j = 0; j < count; ++j) packed[i * WIDTH + j] = from[i * step + j * column];
    }
    return;
  }
  // Constant widths and unit strides let the compiler move whole vectors.
  if (column == 1) {
    for (std::int64_t i = 0; i < depth; ++i)
      std::memcpy(packed + i * WIDTH, from + i * step, WIDTH * sizeof(float));
  } else {
    for (std::int64_t i = 0; i < depth; ++i) {
#pragma GCC unroll 16
      for (std::int64_t j = 0; j < WIDTH; ++j) packed[i * WIDTH + j] = from[i + j * column];
    }
  }
}

/// T rows of c, a full panel wide, go on with `depth` more products.
template <int T>
void add_tile(
    const float* strip, const float* panel, std::int64_t depth, float* c, std::int64_t ldc) {
  Tile<T, kPanelVecs> sum;
#pragma GCC unroll 6
  for (int t = 0; t < T; ++t) {
#pragma GCC unroll 4
    for (int j = 0; j < kPanelVecs; ++j) sum.c[t][j] = load(c + t * ldc + j * kVecWidth);
  }
  sum.accumulate(strip, 1, kStrip, panel, kPanel, depth);
#pragma GCC unroll 6
  for (int t = 0; t < T; ++t) {
#pragma GCC unroll 4
    for (int j = 0; j < kPanelVecs; ++j) store(c + t * ldc + j * kVecWidth, sum.c[t][j]);
  }
}

void add_rows(std::int64_t rows,
              const float* strips,
              const float* panel,
              std::int64_t depth,
              float* c,
              std::int64_t ldc) {
  for (; rows >= kStrip; rows -= kStrip, strips += kStrip * depth, c += kStrip * ldc) {
    add_tile<kStrip>(strips, panel, depth, c, ldc);
  }
  switch (rows) {
    case 5:
      return add_tile<5>(strips, panel, depth, c, ldc);
    case 4:
      return add_tile<4>(strips, panel, depth, c, ldc);
    case 3:
      return add_tile<3>(strips, panel, depth, c, ldc);
    case 2:
      return add_tile<2>(strips, panel, depth, c, ldc);
    case 1:
      return add_tile<1>(strips, panel, depth, c, ldc);
    default:
      return;
  }
}

/// A panel that sticks out of c to the right goes through a copy.
void add_edge(std::int64_t rows,
              const float* strips,
              const float* panel,
              std::int64_t depth,
              float* c,
              std::int64_t ldc,
              std::int64_t columns) {
  for (std::int64_t first = 0; first < rows;
       first += kStrip, strips += kStrip * depth, c += kStrip * ldc) {
    const std::int64_t count = std::min(kStrip, rows - first);
    alignas(64) float edge[kStrip * kPanel] = {};
    for (std::int64_t t = 0; t < count; ++t)
      std::copy(c + t * ldc, c + t * ldc + columns, edge + t * kPanel);
    add_rows(count, strips, panel, depth, edge, kPanel);
    for (std::int64_t t = 0; t < count; ++t) {
      std::copy(edge + t * kPanel, edge + t * kPanel + columns, c + t * ldc);
    }
  }
}

void block_product(
    const Gemm& g, std::int64_t row, std::int64_t rows, std::int64_t column, std::int64_t columns) {
  const Operands o(g);
  alignas(64) float strips[kBlockRows * kDepth];
  alignas(64) float panel[kDepth * kPanel];
  scale(g, row, rows, column, columns);
  for (std::int64_t k = 0; k < g.k; k += kDepth) {
    const std::int64_t depth = std::min(kDepth, g.k - k);
    for (std::int64_t first = 0; first < rows; first += kStrip) {
      pack<kStrip>(g.a + (row + first) * o.a_row + k * o.a_step, o.a_step, o.a_row, depth,
                   std::min(kStrip, rows - first), strips + first * depth);
    }
    for (std::int64_t first = 0; first < columns; first += kPanel) {
      const std::int64_t width = std::min<std::int64_t>(kPanel, columns - first);
      pack<kPanel>(g.b + k * o.b_step + (column + first) * o.b_column, o.b_step, o.b_column, depth,
                   width, panel);
      float* c = g.c + row * g.ldc + column + first;
      if (width == kPanel) {
        add_rows(rows, strips, panel, depth, c, g.ldc);
      } else {
        add_edge(rows, strips, panel, depth, c, g.ldc, width);
      }
    }
  }
}

}  // namespace

void gemm_chain(const Gemm& g, int threads) {
  if (g.m <= kFewRows && !g.transpose_b) return stream(g, threads);
  const std::int64_t row_blocks = ceil_div(g.m, kBlockRows),
                     rows = round_up(ceil_div(g.m, row_blocks), kStrip);
  const std::int64_t column_blocks = ceil_div(g.n, kBlockColumns);
#pragma omp parallel for schedule(static) num_threads(threads) if (g.m * g.n * g.k > 65536)
  for (std::int64_t block = 0; block < row_blocks * column_blocks; ++block) {
    const std::int64_t row = block / column_blocks * rows,
                       column = block % column_blocks * kBlockColumns;
    if (row >= g.m) continue;
    block_product(g, row, std::min(rows, g.m - row), column, std::min(kBlockColumns, g.n - column));
  }
}

}  // namespace cutaway::kernels
