#pragma once

#include <cstdint>
#include <span>

#include "kernels/cpu/conv_direct_plan.h"

namespace cutaway::kernels::direct {

/// One row of output pixels for one panel of channels.
struct RowJob {
  const float* in;          ///< place of the first pixel in the input
  std::ptrdiff_t in_pixel;  ///< floats between the places of neighbouring pixels
  std::ptrdiff_t run_step;
  std::span<const Run> runs;
  const float* weights;  ///< packed rows of these runs
  std::int64_t width;    ///< channels of the panel, a multiple of 16
  /// Of these, the first that are not padding; vectors beyond are not written.
  std::int64_t channels;
  float* out;  ///< first pixel, first channel
  /// Floats between pixels, and between blocks of 16 channels.
  std::ptrdiff_t out_pixel, out_block;
  std::int64_t pixels;
  const float* start;  ///< `width` numbers the sums start from; null: what stands in `out`
  bool relu;           ///< clamp the results at 0
  /// Fetch the next pixels meanwhile: an image is read in as many streams as it has blocks of
  /// channels, too many for the processor to foresee (1x1 convolutions of GoogLeNet: 5 % of the
  /// whole network at batch 16).
  bool ahead{false};
};

/// out[pixel, channel] = start + sum over runs of in * weights, one chain of multiply-adds a
/// result, in the order of the runs.
void convolve_row(const RowJob& job);

}  // namespace cutaway::kernels::direct
