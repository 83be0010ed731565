#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/run.h"

/// The loops of the explanatory graph (Zhang et al., AAAI 2018, arXiv 1708.01785; TPAMI 43(11),
/// 2021): a layer of nodes, each a mixture component that looks for one part of an object on one
/// filter's map. Nodes of filter d are d P .. d P + P - 1. Everything a node has for every image is
/// a row of `stride` floats, stride a multiple of 8; entries beyond `images` are zero. Positions
/// are (row, column) in cells of the map. All of them give the same bits for any number of threads,
/// and on CUDA those of a CPU that multiplies and adds in one step, but for `likelihood`.
namespace cutaway::kernels {

/// Candidate positions along one axis around a node's predicted centre.
inline constexpr int kPatternGrid = 6;
/// The largest search radius, in cells.
inline constexpr int kPatternRadius = 32;
/// Images are summed up in slices of so many, and the slices in their order.
inline constexpr std::int64_t kPatternSlice = 32;

/// Activation weights F >= 0 of one layer: images x filters x size x size, as float32 or IEEE half.
struct PatternMaps {
  const float* f32{};  ///< one of the two is set
  const std::uint16_t* f16{};
  const float* mirrored_f32{};  ///< the mirrored images, if any
  const std::uint16_t* mirrored_f16{};
  const std::uint8_t* mirror{};  ///< images entries, 1: take the mirrored map; may be null
  std::int64_t images{}, filters{}, size{};
};

/// Where the parents say a node is. With parents E of node n, their displacements d (already in
/// cells of this layer) and weights k = 1 / (M (r delta)^2), 1 / sigma^2 = sum k:
///   shift    = sigma^2 sum k d
///   strength = exp(log_scale[n] - penalty sum k |shift - d|^2)
///   noise[d, i] = sum over the nodes of filter d of strength mass[n], in double
struct PatternPredict {
  /// `nodes` of one filter, `parents` of one node.
  std::int64_t filters{}, nodes{}, images{}, stride{}, parents{};
  const std::int32_t* edges{};  ///< N x parents
  const float* weight{};        ///< N x parents: k
  const float* variance{};      ///< N: sigma^2
  const float* log_scale{};     ///< N
  float penalty{0.5f};
  const double* mass{};                  ///< N
  const float *parent_h{}, *parent_w{};  ///< rows of the parent layer: d
  float *shift_h{}, *shift_w{}, *strength{};
  double* noise{};  ///< filters x stride
};
CUTAWAY_KERNEL(PatternPredict);

/// What one image tells about every node. With centre c = mu + shift, offsets o_a = R (2a + 1 - K)
/// / K, m = kernel_width, and p_ab = strength g_a g_b, g the Gaussian of standard deviation sigma:
///   E_ab     = 1 / (sqrt(2 pi) m) sum over the (2W + 1)^2 cells j around round(c) of
///              (exp(-|c + o - j|^2 / (2 m^2)) + exp(-4.5)) F(j)
///   Q_ab     = p_ab / max(noise + sum over the nodes U of the filter of p_U(c + o_ab), 1e-7),
///              where p_U is that of U's nearest candidate and 0 outside the box of its candidates
///   total    = sum p E
///   peak     = max p E
///   position = c + o at the first maximum (c when the peak is 0), or, with mean_position,
///              c + sum p E o / total
///   sums[n] += { Q E o_h / sigma^2, Q E o_w / sigma^2, Q E,
///                p E ((a - 2.5)^2 + (b - 2.5)^2), p E }
/// Images are added in their order, in double, slice after slice.
struct PatternStep {
  PatternMaps maps;
  std::int64_t nodes{};  ///< nodes a filter: P
  std::int64_t stride{};
  const float *mu_h{}, *mu_w{};                     ///< N
  const float* sigma{};                             ///< N
  const std::int32_t* radius{};                     ///< N: R, 1 .. kPatternRadius
  const std::int32_t* window{};                     ///< N: W, R as a rule
  const float *shift_h{}, *shift_w{}, *strength{};  ///< rows; null: 0, 0, 1
  const float* noise{};  ///< images; null: no responsibilities, `sums` get p E only
  float kernel_width{};
  /// The released program: E at round(c) + o, and exp(-4.5) only where the cell is farther than 3
  /// m.
  bool rounded_kernel{false};
  /// The released program: the position is the first candidate when the peak is 0.
  bool first_candidate{false};
  bool mean_position{false};
  float *position_h{}, *position_w{}, *peak{}, *total{};  ///< rows
  double* sums{};                                         ///< N x 5; null: not wanted
  /// filters x 2: sum of E log mix and of E; null: not wanted. With noise and sums only.
  double* likelihood{};
  std::int32_t widest{};  ///< the largest window; CUDA is faster where it knows a small one
  std::byte* scratch{};   ///< pattern_step_scratch bytes, for CUDA
};
inline constexpr int kPatternSums = 5;
[[nodiscard]] inline std::size_t pattern_step_scratch(const PatternMaps& maps, std::int64_t nodes) {
  const std::int64_t slices = (maps.images + kPatternSlice - 1) / kPatternSlice;
  return static_cast<std::size_t>(slices * maps.filters * (nodes * kPatternSums + 2)) *
         sizeof(double);
}
CUTAWAY_KERNEL(PatternStep);

/// Do two nodes move together? For node n of [first, last) and candidate parent m, over all images,
///   out[n - first, m] = sum b_n exp(-|x_n - y_m|^2 / (2 h_n)),  x = scale position - offset,
/// or, with `product`, sum x_n . y_m, for which neither b nor h is read.
struct PatternAffinity {
  std::int64_t first{}, last{}, candidates{}, images{}, stride{};
  const float *position_h{}, *position_w{}, *peak{};  ///< rows
  float scale{};                                      ///< pixels a cell
  const float *offset_h{}, *offset_w{};               ///< N, in pixels
  const float *y_h{}, *y_w{};                         ///< rows of the candidates, in pixels
  const float* bandwidth{};                           ///< N: h
  double* out{};
  bool accumulate{false};  ///< added to `out`
  bool product{false};
};
CUTAWAY_KERNEL(PatternAffinity);

/// The parents of every node: the `parents` candidates of the largest affinity, told apart to
/// `grain` of a node's largest; of equal ones the first. Affinities are overwritten. Where `own`
/// and `other` hold the sums of |x_n|^2 and |y_m|^2, affinities are products and become
/// concordances,
///   2 sum x_n . y_m / (sum |x_n|^2 + sum |y_m|^2), 0 where negative or nothing moves,
/// and in place of a parent whose concordance is below `least` (or 0) an edge is -1.
struct PatternBest {
  std::int64_t nodes{}, candidates{}, parents{};  ///< parents <= candidates
  double grain{};
  double* affinity{};                 ///< nodes x candidates, none negative
  const std::int32_t* nodes_above{};  ///< candidates
  std::int32_t* edges{};              ///< nodes x parents: entries of nodes_above, the best first
  const double* own{};                ///< nodes; null: affinities as they are
  const double* other{};              ///< candidates
  double least{0};
};
CUTAWAY_KERNEL(PatternBest);

/// n halves to floats, exactly; subnormals and infinities included.
void halves_to_floats(const std::uint16_t* from, float* to, std::int64_t n);
CUTAWAY_PER_LEVEL(void, halves_to_floats, const std::uint16_t* from, float* to, std::int64_t n);
/// n floats to the nearest halves (ties to even); beyond 65504 the largest half, NaN becomes 0.
void floats_to_halves(const float* from, std::uint16_t* to, std::int64_t n);
CUTAWAY_PER_LEVEL(void, floats_to_halves, const float* from, std::uint16_t* to, std::int64_t n);

}  // namespace cutaway::kernels
