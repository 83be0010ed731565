#pragma once

#include <cmath>

#include "kernels/pattern_graph.h"
#include "kernels/pattern_math.h"

// One pass of a layer's nodes over the images: a block a filter and slice of images, eight lanes a
// node, lane b the node's candidate column b (two lanes idle along). Lanes are those of the CPU's
// vectors and sums run in the same order, so that both give the same bits. The map and the nodes'
// places in the image are in shared memory; what a node adds up over a slice is in global memory,
// owned by its lanes. Compiled by nvcc, and by g++ for the tests: include kernels/cuda/launch.cuh
// or tests/shim/cuda_shim.h first.
namespace cutaway::kernels {

inline constexpr int kPatternLanes = 8;
inline constexpr int kPatternThreads = 384;  // 48 nodes at once, and 168 registers a thread
inline constexpr std::size_t kPatternShared = 48 * 1024;  // what a launch gets without asking
inline constexpr unsigned kWholeWarp = 0xffffffffu;

/// A node in one image, as its neighbours see it.
struct PatternComponent {
  float density[8];  // g_a; 0 beyond K
  float center_h, center_w, low_h, low_w, high_h, high_w;
  float per_step, strength;
};

/// What one launch is told: the pass, and numbers that follow from it.
struct PatternStepLaunch {
  PatternStep k;
  float per_kernel{}, factor{}, floor{};
  std::int64_t slices{};
  bool staged{};      // the map is in shared memory
  double* partial{};  // slices x N x kPatternSums
  double* logs{};     // slices x filters x 2
  int threads{};
  std::size_t shared{};
};

__device__ __forceinline__ float pattern_offset(std::int32_t radius, int a) {
  const float r = static_cast<float>(radius);
  return r * static_cast<float>(2 * a + 1 - kPatternGrid) / kPatternGrid;
}

/// The sum over a node's eight lanes, in the order of sum8, for all of them.
__device__ __forceinline__ float pattern_sum(float v) {
  v += __shfl_xor_sync(kWholeWarp, v, 4);
  v += __shfl_xor_sync(kWholeWarp, v, 2);
  return v + __shfl_xor_sync(kWholeWarp, v, 1);
}

/// The index of U's candidate nearest to x, and its density, 0 outside U's box.
__device__ __forceinline__ float pattern_density(const PatternComponent& u,
                                                 float x,
                                                 float low,
                                                 float high) {
  float bin = (x - low) * u.per_step - 0.5f;
  bin = bin > 0.0f ? bin : 0.0f;
  bin = bin < static_cast<float>(kPatternGrid - 1) ? bin : static_cast<float>(kPatternGrid - 1);
  int index = static_cast<int>(bin);
  index += bin > static_cast<float>(index) ? 1 : 0;
  return x >= low && x <= high ? u.density[index] : 0.0f;
}

/// One filter's map in one image.
struct PatternMap {
  const float* cells;  // in shared memory, or null
  const float* f32;
  const std::uint16_t* f16;
  int size;

  __device__ __forceinline__
  PatternMap(const PatternMaps& maps, std::int64_t image, std::int64_t filter, const float* staged)
      : cells(staged), f32(nullptr), f16(nullptr), size(static_cast<int>(maps.size)) {
    const bool mirrored = maps.mirror != nullptr && maps.mirror[image] != 0;
    const std::int64_t at = (image * maps.filters + filter) * maps.size * maps.size;
    if (maps.f32 != nullptr) {
      f32 = (mirrored ? maps.mirrored_f32 : maps.f32) + at;
    } else {
      f16 = (mirrored ? maps.mirrored_f16 : maps.f16) + at;
    }
  }
  __device__ __forceinline__ float far(int at) const {
    return f32 != nullptr ? f32[at] : half_lane(f16[at]);
  }
  /// 0 beyond the borders.
  __device__ __forceinline__ float at(int h, int w) const {
    if (h < 0 || w < 0 || h >= size || w >= size) return 0.0f;
    return cells != nullptr ? cells[h * size + w] : far(h * size + w);
  }
};

/// A node's lane: its column, and where the node is.
struct PatternLane {
  int column, first;  // first: the lane of the warp that has column 0
  float offset;       // 0 in the idle lanes
  float density;
  std::int32_t radius;
  int window, turns;  // turns: steps of the window's loops, the same for the whole warp

  __device__ __forceinline__ float from(float v, int column_) const {
    return __shfl_sync(kWholeWarp, v, static_cast<unsigned>(first + column_));
  }
  __device__ __forceinline__ int from(int v, int column_) const {
    return __shfl_sync(kWholeWarp, v, static_cast<unsigned>(first + column_));
  }
};

/// Cells around the rounded centre, if the window touches the map.
struct PatternWindow {
  bool near;
  int h0, w0;

  __device__ __forceinline__ PatternWindow(const PatternComponent& c, int window, int size) {
    const float h = std::round(c.center_h);
    const float w = std::round(c.center_w);
    const float r = static_cast<float>(window);
    const float s = static_cast<float>(size);
    near = h >= -r && h < s + r && w >= -r && w < s + r;
    h0 = near ? static_cast<int>(h) - window : 0;
    w0 = near ? static_cast<int>(w) - window : 0;
  }
};

/// E_ab of column b, a row an entry; kKept: the largest window whose kernel fits into registers.
/// Returns whether the window holds anything.
template <int kKept>
__device__ __forceinline__ bool pattern_evidence(const PatternStepLaunch& g,
                                                 const PatternMap& map,
                                                 const PatternComponent& c,
                                                 const PatternLane& l,
                                                 float (&e)[kPatternGrid]) {
  const PatternWindow at(c, l.window, map.size);
  const int width = at.near ? 2 * l.window + 1 : 0;
  const float to_h = c.center_h + l.offset - static_cast<float>(at.h0);
  const float to_w = c.center_w + l.offset - static_cast<float>(at.w0);
  const auto kernel = [&](float to, int j) {
    const float d = to - static_cast<float>(j);
    return exp_lane(d * d * g.per_kernel);
  };
  constexpr int kColumns = 2 * kKept + 1;
  float kept[static_cast<unsigned>(kColumns)];
  CUTAWAY_UNROLL
  for (int x = 0; x < kColumns; ++x) kept[x] = kKept > 0 ? kernel(to_w, x) : 0.0f;
  float total = 0;
  for (float& row : e) row = 0;
  for (int j = 0; j < l.turns; ++j) {
    const float kernel_h = kernel(to_h, j);
    float smooth = 0;
    float mass = 0;
    const auto add = [&](int x, float weight) {
      const float cell = j < width && x < width ? map.at(at.h0 + j, at.w0 + x) : 0.0f;
      smooth = fma_lane(cell, weight, smooth);
      mass += cell;
    };
    if constexpr (kKept > 0) {
      CUTAWAY_UNROLL
      for (int x = 0; x < kColumns; ++x) {
        if (x < l.turns) add(x, kept[x]);
      }
    } else {
      for (int x = 0; x < l.turns; ++x) add(x, kernel(to_w, x));
    }
    total += mass;
    CUTAWAY_UNROLL
    for (int a = 0; a < kPatternGrid; ++a) e[a] = fma_lane(l.from(kernel_h, a), smooth, e[a]);
  }
  CUTAWAY_UNROLL
  for (int a = 0; a < kPatternGrid; ++a) e[a] = fma_lane(total, g.floor, e[a]) * g.factor;
  return total > 0;
}

/// The released program's: from the rounded centre, the floor only beyond 3 m.
__device__ __forceinline__ bool pattern_released_evidence(const PatternStepLaunch& g,
                                                          const PatternMap& map,
                                                          const PatternComponent& c,
                                                          const PatternLane& l,
                                                          float (&e)[kPatternGrid]) {
  const PatternWindow at(c, l.window, map.size);
  const int width = at.near ? 2 * l.window + 1 : 0;
  const float far = 9 * g.k.kernel_width * g.k.kernel_width;
  float total = 0;
  for (float& row : e) row = 0;
  for (int j = 0; j < width; ++j) {
    for (int x = 0; x < width; ++x) {
      const float cell = map.at(at.h0 + j, at.w0 + x);
      if (cell == 0) continue;
      total += cell;
      const float dw = l.offset - static_cast<float>(x - l.window);
      CUTAWAY_UNROLL
      for (int a = 0; a < kPatternGrid; ++a) {
        const float dh = pattern_offset(l.radius, a) - static_cast<float>(j - l.window);
        const float square = dw * dw + dh * dh;
        e[a] += cell * (square <= far ? exp_lane(square * g.per_kernel) : g.floor);
      }
    }
  }
  for (float& row : e) row *= g.factor;
  return total > 0;
}

/// Sums of one node over the images, and of the log mixture.
struct PatternTotals {
  float mass{0}, h{0}, w{0};
  double log_mix{0}, evidence{0};
};

__device__ __forceinline__ void pattern_responsibilities(const PatternStepLaunch& g,
                                                         const PatternComponent* nodes,
                                                         const PatternComponent& c,
                                                         const PatternLane& l,
                                                         std::int64_t image,
                                                         const float (&density)[kPatternGrid],
                                                         const float (&e)[kPatternGrid],
                                                         PatternTotals& out) {
  float mix[kPatternGrid];
  for (float& row : mix) row = g.k.noise[image];
  const float at_h = c.center_h + l.offset;
  const float at_w = c.center_w + l.offset;
  for (std::int64_t p = 0; p < g.k.nodes; ++p) {
    const PatternComponent& u = nodes[p];
    const float down = pattern_density(u, at_h, u.low_h, u.high_h) * u.strength;
    const float across = pattern_density(u, at_w, u.low_w, u.high_w);
    CUTAWAY_UNROLL
    for (int a = 0; a < kPatternGrid; ++a) mix[a] = fma_lane(l.from(down, a), across, mix[a]);
  }
  float mass = 0;
  float rows = 0;
  CUTAWAY_UNROLL
  for (int a = 0; a < kPatternGrid; ++a) {
    const float below = mix[a] > 1e-7f ? mix[a] : 1e-7f;
    const float q = density[a] / below * e[a];
    mass += q;
    rows = fma_lane(q, pattern_offset(l.radius, a), rows);
    if (g.logs != nullptr && l.column < kPatternGrid) {
      out.log_mix += static_cast<double>(e[a] * std::log(below));
      out.evidence += static_cast<double>(e[a]);
    }
  }
  out.h = pattern_sum(rows);
  out.w = pattern_sum(mass * l.offset);
  out.mass = pattern_sum(mass);
}

/// One node in one image. All lanes of the warp come here together; `live` says that there is such
/// a node.
template <int kKept>
__device__ __forceinline__ void pattern_node(const PatternStepLaunch& g,
                                             const PatternMap& map,
                                             const PatternComponent* nodes,
                                             std::int64_t p,
                                             std::int64_t n,
                                             std::int64_t image,
                                             bool live,
                                             double* partial,
                                             double (&logs)[2]) {  // long: kept in registers
  const PatternStep& k = g.k;
  const PatternComponent& c = nodes[p];
  PatternLane l;
  l.column = static_cast<int>(threadIdx.x) % kPatternLanes;
  l.first = static_cast<int>(threadIdx.x) % 32 - l.column;
  l.radius = k.radius[n];
  l.offset = l.column < kPatternGrid ? pattern_offset(l.radius, l.column) : 0.0f;
  l.density = c.density[l.column];
  l.window = k.window[n];
  int turns = 2 * l.window + 1;
  for (const int far : {8, 16}) {
    const int other = __shfl_xor_sync(kWholeWarp, turns, static_cast<unsigned>(far));
    turns = other > turns ? other : turns;
  }
  l.turns = turns;

  float e[kPatternGrid];
  const bool found = k.rounded_kernel ? pattern_released_evidence(g, map, c, l, e)
                                      : pattern_evidence<kKept>(g, map, c, l, e);
  float total = 0;
  float second = 0;
  float rows = 0;
  float best = -1;
  int best_row = 0;
  float density[kPatternGrid];
  const auto squared = [](int a) {
    const int twice = 2 * a + 1 - kPatternGrid;
    return a < kPatternGrid ? static_cast<float>(twice * twice) / 4 : 0.0f;
  };
  const float column = squared(l.column);
  CUTAWAY_UNROLL
  for (int a = 0; a < kPatternGrid; ++a) {
    density[a] = l.density * (c.strength * c.density[a]);
    const float score = density[a] * e[a];
    total += score;
    second = fma_lane(score, column + squared(a), second);
    rows = fma_lane(score, pattern_offset(l.radius, a), rows);
    best_row = score > best ? a : best_row;
    best = score > best ? score : best;
  }
  float peak = l.from(best, 0);
  int row = l.from(best_row, 0);
  int at_column = 0;
  for (int b = 1; b < kPatternGrid; ++b) {
    const float v = l.from(best, b);
    const int r = l.from(best_row, b);
    if (v > peak || (v == peak && r < row)) {
      peak = v;
      row = r;
      at_column = b;
    }
  }
  const float moved_h = k.mean_position ? pattern_sum(rows) : 0.0f;
  const float moved_w = k.mean_position ? pattern_sum(total * l.offset) : 0.0f;
  total = pattern_sum(total);
  second = pattern_sum(second);
  const bool writes = live && l.column == 0;
  if (writes) {
    const std::int64_t at = n * k.stride + image;
    const bool hit = found && peak > 0;
    const bool centered = !hit && !k.first_candidate;
    const float off_h = pattern_offset(l.radius, hit ? row : 0);
    const float off_w = pattern_offset(l.radius, hit ? at_column : 0);
    k.position_h[at] = centered ? c.center_h : c.center_h + off_h;
    k.position_w[at] = centered ? c.center_w : c.center_w + off_w;
    if (k.mean_position && found && total > 0) {
      k.position_h[at] = c.center_h + moved_h / total;
      k.position_w[at] = c.center_w + moved_w / total;
    }
    k.peak[at] = hit ? peak : 0.0f;
    k.total[at] = found ? total : 0.0f;
  }
  if (partial == nullptr) return;
  PatternTotals sums;
  if (k.noise != nullptr) pattern_responsibilities(g, nodes, c, l, image, density, e, sums);
  if (!live || !found) return;
  const double sigma = static_cast<double>(k.sigma[n]);
  const auto per_variance = static_cast<float>(1.0 / (sigma * sigma));
  const float own[kPatternSums] = {sums.h * per_variance, sums.w * per_variance, sums.mass, second,
                                   total};
  CUTAWAY_UNROLL
  for (int s = 0; s < kPatternSums; ++s) {
    if (l.column == s) partial[n * kPatternSums + s] += static_cast<double>(own[s]);
  }
  logs[0] += sums.log_mix;
  logs[1] += sums.evidence;
}

/// The block's sum of every thread's pair, in the order of the threads.
__device__ __forceinline__ void pattern_logs(double* shared, const double (&own)[2], double* out) {
  __syncthreads();
  shared[2 * threadIdx.x] = own[0];
  shared[2 * threadIdx.x + 1] = own[1];
  __syncthreads();
  if (threadIdx.x >= 2) return;
  double sum = 0;
  for (unsigned t = 0; t < blockDim.x; ++t) sum += shared[2 * t + threadIdx.x];
  out[threadIdx.x] = sum;
}

/// The nodes of a filter as all its images have them.
__device__ __forceinline__ void pattern_prepare(const PatternStep& k,
                                                std::int64_t first,
                                                PatternComponent* nodes) {
  for (std::int64_t j = threadIdx.x; j < k.nodes * 8; j += blockDim.x) {
    const std::int64_t p = j / 8;
    const int a = static_cast<int>(j % 8);
    const double sigma = static_cast<double>(k.sigma[first + p]);
    const std::int32_t radius = k.radius[first + p];
    const double z = static_cast<double>(pattern_offset(radius, a)) / sigma;
    const double g = std::exp(-0.5 * z * z) / (2.5066282746310002 * sigma);
    nodes[p].density[a] = a < kPatternGrid ? static_cast<float>(g) : 0.0f;
    nodes[p].per_step = static_cast<float>(kPatternGrid) / static_cast<float>(2 * radius);
  }
}

/// Where they are in one image.
__device__ __forceinline__ void pattern_place(const PatternStep& k,
                                              std::int64_t first,
                                              std::int64_t image,
                                              PatternComponent* nodes) {
  for (std::int64_t p = threadIdx.x; p < k.nodes; p += blockDim.x) {
    const std::int64_t n = first + p;
    const std::int64_t at = n * k.stride + image;
    PatternComponent& c = nodes[p];
    c.center_h = k.mu_h[n] + (k.shift_h != nullptr ? k.shift_h[at] : 0.0f);
    c.center_w = k.mu_w[n] + (k.shift_w != nullptr ? k.shift_w[at] : 0.0f);
    c.strength = k.strength != nullptr ? k.strength[at] : 1.0f;
    const float low = pattern_offset(k.radius[n], 0);
    const float high = pattern_offset(k.radius[n], kPatternGrid - 1);
    c.low_h = c.center_h + low;
    c.low_w = c.center_w + low;
    c.high_h = c.center_h + high;
    c.high_w = c.center_w + high;
  }
}

template <int kKept>
__global__ void __launch_bounds__(kPatternThreads) pattern_step_kernel(const PatternStepLaunch g) {
  CUTAWAY_DYNAMIC_SHARED(PatternComponent, nodes);
  const PatternStep& k = g.k;
  float* cells = g.staged ? reinterpret_cast<float*>(nodes + k.nodes) : nullptr;
  const std::int64_t filter = blockIdx.x % k.maps.filters;
  const std::int64_t slice = blockIdx.x / k.maps.filters;
  const std::int64_t first = filter * k.nodes;
  const std::int64_t groups = blockDim.x / kPatternLanes;
  const std::int64_t group = threadIdx.x / kPatternLanes;
  const int column = static_cast<int>(threadIdx.x) % kPatternLanes;
  double* partial = nullptr;
  if (g.partial != nullptr) {
    partial = g.partial + slice * k.maps.filters * k.nodes * kPatternSums;
    for (std::int64_t p = group; p < k.nodes && column < kPatternSums; p += groups) {
      partial[(first + p) * kPatternSums + column] = 0;
    }
  }
  double logs[2] = {0, 0};
  pattern_prepare(k, first, nodes);
  std::int64_t end = (slice + 1) * kPatternSlice;
  end = end < k.maps.images ? end : k.maps.images;
  for (std::int64_t image = slice * kPatternSlice; image < end; ++image) {
    const PatternMap map(k.maps, image, filter, cells);
    __syncthreads();  // the image before is done with
    if (g.staged) {
      for (int j = static_cast<int>(threadIdx.x); j < map.size * map.size;
           j += static_cast<int>(blockDim.x)) {
        cells[j] = map.far(j);
      }
    }
    pattern_place(k, first, image, nodes);
    __syncthreads();
    for (std::int64_t p0 = 0; p0 < k.nodes; p0 += groups) {
      const bool live = p0 + group < k.nodes;
      const std::int64_t p = live ? p0 + group : k.nodes - 1;
      pattern_node<kKept>(g, map, nodes, p, first + p, image, live, partial, logs);
    }
  }
  if (g.logs != nullptr) {
    pattern_logs(reinterpret_cast<double*>(nodes), logs,
                 g.logs + 2 * (slice * k.maps.filters + filter));
  }
}

/// Adds the slices up in their order: sum i of N kPatternSums, or of filters 2.
struct SumPatternSlices {
  const double* partial;
  std::int64_t slices, count;
  double* out;
  bool add;

  CUTAWAY_HD void operator()(std::int64_t i) const {
    double sum = partial[i];
    for (std::int64_t s = 1; s < slices; ++s) sum += partial[s * count + i];
    out[i] = add ? out[i] + sum : sum;
  }
};

/// How a pass is launched. `shared` beyond kPatternShared: too many nodes a filter.
inline PatternStepLaunch pattern_step_launch(const PatternStep& k) {
  PatternStepLaunch g;
  g.k = k;
  const double m = static_cast<double>(k.kernel_width);
  g.per_kernel = static_cast<float>(-0.5 / (m * m));
  g.factor = static_cast<float>(1.0 / (2.5066282746310002 * m));
  g.floor = std::exp(-4.5f);
  g.slices = (k.maps.images + kPatternSlice - 1) / kPatternSlice;
  const std::int64_t lanes = (k.nodes * kPatternLanes + 31) / 32 * 32;
  g.threads = static_cast<int>(lanes < kPatternThreads ? lanes : kPatternThreads);
  const auto components = static_cast<std::size_t>(k.nodes) * sizeof(PatternComponent);
  const auto map = static_cast<std::size_t>(k.maps.size * k.maps.size) * sizeof(float);
  g.staged = components + map <= kPatternShared;
  g.shared = components + (g.staged ? map : 0);
  const std::size_t logs = static_cast<std::size_t>(g.threads) * 2 * sizeof(double);
  if (k.likelihood != nullptr && g.shared < logs) g.shared = logs;
  auto* scratch = reinterpret_cast<double*>(k.scratch);
  const std::int64_t sums = g.slices * k.maps.filters * k.nodes * kPatternSums;
  if (k.sums != nullptr) g.partial = scratch;
  if (k.likelihood != nullptr && k.noise != nullptr) g.logs = scratch + sums;
  return g;
}

template <class Queue>
void launch_pattern_step(Queue queue, const PatternStepLaunch& g) {
  const dim3 grid(static_cast<unsigned>(g.k.maps.filters * g.slices));
  const dim3 block(static_cast<unsigned>(g.threads));
  if (g.k.widest > 0 && g.k.widest <= 4) {
    CUTAWAY_LAUNCH(pattern_step_kernel<4>, grid, block, g.shared, queue, g);
  } else if (g.k.widest > 0 && g.k.widest <= 8) {
    CUTAWAY_LAUNCH(pattern_step_kernel<8>, grid, block, g.shared, queue, g);
  } else {
    CUTAWAY_LAUNCH(pattern_step_kernel<0>, grid, block, g.shared, queue, g);
  }
}

}  // namespace cutaway::kernels
