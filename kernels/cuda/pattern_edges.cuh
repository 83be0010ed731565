#pragma once

#include <cmath>

#include "kernels/pattern_graph.h"
#include "kernels/pattern_math.h"

// Which nodes move together, and where parents say their children are. Include
// kernels/cuda/launch.cuh or tests/shim/cuda_shim.h first.
namespace cutaway::kernels {

/// All nodes of a filter in one image: index filter x stride + image, which is how rows lie, so
/// that neighbouring threads read neighbouring numbers.
struct PatternPredictAt {
  PatternPredict k;

  CUTAWAY_HD void operator()(std::int64_t index) const {
    const std::int64_t filter = index / k.stride;
    const std::int64_t i = index % k.stride;
    double noise = 0;
    for (std::int64_t n = filter * k.nodes; n < (filter + 1) * k.nodes; ++n) {
      const float strength = place(n, i);
      noise += k.mass[n] * static_cast<double>(strength);
    }
    k.noise[index] = i < k.images ? noise : 0.0;
  }

  CUTAWAY_HD float place(std::int64_t n, std::int64_t i) const {
    const std::int32_t* edges = k.edges + n * k.parents;
    const float* weight = k.weight + n * k.parents;
    float h = 0;
    float w = 0;
    for (std::int64_t j = 0; j < k.parents; ++j) {
      const std::int64_t at = edges[j] * k.stride + i;
      h = fma_lane(weight[j], k.parent_h[at], h);
      w = fma_lane(weight[j], k.parent_w[at], w);
    }
    h *= k.variance[n];
    w *= k.variance[n];
    float disagreement = 0;
    for (std::int64_t j = 0; j < k.parents; ++j) {
      const std::int64_t at = edges[j] * k.stride + i;
      const float dh = h - k.parent_h[at];
      const float dw = w - k.parent_w[at];
      disagreement = fma_lane(weight[j], fma_lane(dh, dh, dw * dw), disagreement);
    }
    k.shift_h[n * k.stride + i] = h;
    k.shift_w[n * k.stride + i] = w;
    const float strength = exp_lane(k.log_scale[n] - k.penalty * disagreement);
    k.strength[n * k.stride + i] = strength;
    return strength;
  }
};

/// Affinities as a matrix product of nodes by candidates whose depth is the images. A thread owns
/// 4 x 4 pairs, for every eighth image: eight threads side by side read eight images side by side,
/// one sector of memory, and add their sums up at the end as the CPU does with its vectors.
struct PatternAffinityTile {
  static constexpr int kOwn = 4, kLanes = 8, kThreads = 256;
  static constexpr int kGroupsN = 4, kGroupsM = kThreads / kLanes / kGroupsN;
  static constexpr int kNodes = kGroupsN * kOwn, kCandidates = kGroupsM * kOwn;
};

__global__ void __launch_bounds__(PatternAffinityTile::kThreads)
    pattern_affinity_kernel(const PatternAffinity k) {  // long: one tile, kept in registers
  using Tile = PatternAffinityTile;
  constexpr int kOwn = Tile::kOwn;
  const int lane = static_cast<int>(threadIdx.x) % Tile::kLanes;
  const int group = static_cast<int>(threadIdx.x) / Tile::kLanes;
  const std::int64_t columns = (k.candidates + Tile::kCandidates - 1) / Tile::kCandidates;
  const std::int64_t n0 =
      k.first + blockIdx.x / columns * Tile::kNodes + group / Tile::kGroupsM * kOwn;
  const std::int64_t m0 = blockIdx.x % columns * Tile::kCandidates + group % Tile::kGroupsM * kOwn;
  std::int64_t row[kOwn], candidate[kOwn];
  float offset_h[kOwn], offset_w[kOwn], sharp[kOwn];
  CUTAWAY_UNROLL
  for (int u = 0; u < kOwn; ++u) {
    const std::int64_t n = n0 + u < k.last ? n0 + u : k.last - 1;
    const std::int64_t m = m0 + u < k.candidates ? m0 + u : k.candidates - 1;
    row[u] = n * k.stride;
    candidate[u] = m * k.stride;
    offset_h[u] = k.offset_h[n];
    offset_w[u] = k.offset_w[n];
    sharp[u] = k.product ? 0.0f : -0.5f / k.bandwidth[n];
  }
  float sum[kOwn][kOwn] = {};
  for (std::int64_t i = lane; i < k.stride; i += Tile::kLanes) {
    float yh[kOwn], yw[kOwn];
    CUTAWAY_UNROLL
    for (int v = 0; v < kOwn; ++v) {
      yh[v] = k.y_h[candidate[v] + i];
      yw[v] = k.y_w[candidate[v] + i];
    }
    CUTAWAY_UNROLL
    for (int u = 0; u < kOwn; ++u) {
      const float xh = k.scale * k.position_h[row[u] + i] - offset_h[u];
      const float xw = k.scale * k.position_w[row[u] + i] - offset_w[u];
      const float b = k.product ? 0.0f : k.peak[row[u] + i];
      CUTAWAY_UNROLL
      for (int v = 0; v < kOwn; ++v) {
        if (k.product) {
          sum[u][v] = fma_lane(xh, yh[v], fma_lane(xw, yw[v], sum[u][v]));
          continue;
        }
        const float dh = xh - yh[v];
        const float dw = xw - yw[v];
        sum[u][v] = fma_lane(b, exp_lane(fma_lane(dh, dh, dw * dw) * sharp[u]), sum[u][v]);
      }
    }
  }
  const int first = static_cast<int>(threadIdx.x) % 32 - lane;
  CUTAWAY_UNROLL
  for (int u = 0; u < kOwn; ++u) {
    CUTAWAY_UNROLL
    for (int v = 0; v < kOwn; ++v) {
      double total = 0;
      for (int l = 0; l < Tile::kLanes; ++l) {
        total += static_cast<double>(
            __shfl_sync(0xffffffffu, sum[u][v], static_cast<unsigned>(first + l)));
      }
      const bool writes =
          lane == (u * kOwn + v) % Tile::kLanes && n0 + u < k.last && m0 + v < k.candidates;
      if (!writes) continue;
      double& out = k.out[(n0 + u - k.first) * k.candidates + m0 + v];
      out = k.accumulate ? out + total : total;
    }
  }
}

/// The largest of the warp's values; of equal ones, that of the least place.
__device__ __forceinline__ void pattern_largest(double& value, std::int32_t& place) {
  for (unsigned bits = 16; bits > 0; bits /= 2) {
    const double v = __shfl_xor_sync(0xffffffffu, value, bits);
    const std::int32_t p = __shfl_xor_sync(0xffffffffu, place, bits);
    if (v > value || (v == value && p < place)) {
      value = v;
      place = p;
    }
  }
}

inline constexpr int kPatternBestThreads = 128;

/// A warp a node.
__global__ void __launch_bounds__(kPatternBestThreads) pattern_best_kernel(const PatternBest k) {
  const std::int64_t n = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
  if (n >= k.nodes) return;  // the whole warp
  const auto lane = static_cast<std::int32_t>(threadIdx.x % 32);
  const auto count = static_cast<std::int32_t>(k.candidates);
  double* row = k.affinity + n * k.candidates;
  for (std::int32_t m = lane; k.own != nullptr && m < count; m += 32)
    row[m] = pattern_concordance(row[m], k.own[n], k.other[m], k.least);
  double most = 0;
  std::int32_t place = count;
  for (std::int32_t m = lane; m < count; m += 32) most = row[m] > most ? row[m] : most;
  pattern_largest(most, place);
  const double grain = k.grain * most;
  for (std::int32_t m = lane; grain > 0 && m < count; m += 32) row[m] = std::round(row[m] / grain);
  double last = 0;
  std::int32_t last_place = -1;
  for (std::int64_t j = 0; j < k.parents; ++j) {
    double best = -1;
    place = count;
    for (std::int32_t m = lane; m < count; m += 32) {
      const double v = row[m];
      const bool after = j == 0 || v < last || (v == last && m > last_place);
      if (after && v > best) {
        best = v;
        place = m;
      }
    }
    pattern_largest(best, place);
    last = best;
    last_place = place;
    if (lane == 0)
      k.edges[n * k.parents + j] = k.own != nullptr && best == 0 ? -1 : k.nodes_above[place];
  }
}

template <class Queue>
void launch_pattern_affinity(Queue queue, const PatternAffinity& k) {
  using Tile = PatternAffinityTile;
  const std::int64_t rows = (k.last - k.first + Tile::kNodes - 1) / Tile::kNodes;
  const std::int64_t columns = (k.candidates + Tile::kCandidates - 1) / Tile::kCandidates;
  const dim3 grid(static_cast<unsigned>(rows * columns));
  const dim3 block(Tile::kThreads);
  CUTAWAY_LAUNCH(pattern_affinity_kernel, grid, block, 0, queue, k);
}

template <class Queue>
void launch_pattern_best(Queue queue, const PatternBest& k) {
  constexpr std::int64_t kRows = kPatternBestThreads / 32;
  const dim3 grid(static_cast<unsigned>((k.nodes + kRows - 1) / kRows));
  const dim3 block(kPatternBestThreads);
  CUTAWAY_LAUNCH(pattern_best_kernel, grid, block, 0, queue, k);
}

}  // namespace cutaway::kernels
