#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/conv.h"

/// What the direct convolution computes, worked out once: the forward pass, or the backward pass as
/// convolutions with stride 1, one for every residue of the output row and column modulo the
/// stride.
namespace cutaway::kernels::direct {

inline constexpr std::int64_t kBlock = 16;

/// A run of `count` numbers of the input, at the same offset from the place of every output pixel,
/// that meets `count` rows of packed weights: channels c, c + 1, ... of tap (u, v) where the input
/// stands in blocks of channels, taps v, v + 1, ... of channel c where it is plain.
struct Run {
  std::ptrdiff_t offset;
  std::int64_t count;
  std::int64_t u, v, c;
};

/// The output pixels (first_h + i out_step_h, first_w + j out_step_w), i < rows, j < columns, and
/// the runs each of them sums over, from place (i in_step_h, j in_step_w) of the input.
struct Phase {
  std::int64_t first_h{0}, first_w{0}, rows{0}, columns{0};
  std::vector<Run> runs;
  std::int64_t weight_row{0};  ///< its first row of packed weights in a panel
};

struct Plan {
  bool adjoint{false};  ///< backward data: `in` is dy and `out` is dx
  Shape in, out;
  std::int64_t in_block{1};
  std::int64_t groups{1}, in_channels{0}, out_channels{0};  ///< channels of one group
  std::int64_t in_step_h{1}, in_step_w{1}, out_step_h{1}, out_step_w{1};
  /// Zeros around the image that the taps reach; where there are any, the input is copied.
  std::int64_t top{0}, left{0}, bottom{0}, right{0};
  std::int64_t run_step{1};                            ///< floats between the numbers of a run
  std::int64_t stride_b{0}, stride_h{0}, stride_w{0};  ///< of the input as it is read
  std::vector<Phase> phases;
  std::int64_t weight_rows{0};  ///< rows of packed weights in a panel, all phases

  [[nodiscard]] bool copies() const { return top + left + bottom + right > 0; }
  [[nodiscard]] std::int64_t out_padded() const { return round_up(out_channels, kBlock); }
  [[nodiscard]] std::int64_t packed_floats() const { return groups * weight_rows * out_padded(); }
  /// Floats of one image of the input as it is read.
  [[nodiscard]] std::int64_t image_floats() const { return ceil_div(in.c, in_block) * stride_b; }
};

/// `p` is a forward or backward-data problem.
[[nodiscard]] Plan make_plan(const ConvProblem& p);

/// Weights as packed[group][panel][row in the order of the runs][channel of the panel], zeros
/// beyond the last output channel of the group.
void pack_weights(
    const Plan& plan, const ConvGeometry& g, const float* w, float* packed, int threads);

}  // namespace cutaway::kernels::direct
