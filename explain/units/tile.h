#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "layers/graph.h"
#include "layers/receptive_field.h"
#include "runtime/tensor.h"

namespace cutaway::explain {

/// The frame in which units of one layer are shown: as large as their receptive field, or as the
/// image along an axis where the field is larger than the image.
struct UnitFrame {
  std::int64_t height{1}, width{1};
  Field rows, columns;
  /// The field is larger than the image along this axis: the frame is the image.
  bool whole_height{false}, whole_width{false};
  std::int64_t image_height{1}, image_width{1};
};
/// `input`: shape of an image.
[[nodiscard]] UnitFrame unit_frame(const Graph& graph, NodeId layer, const Shape& input);

/// Where the frame of the unit at (row, column) begins in the image; negative where the field hangs
/// over its border.
struct FrameOrigin {
  std::int64_t row{0}, column{0};
};
[[nodiscard]] FrameOrigin frame_origin(const UnitFrame& frame,
                                       std::int64_t row,
                                       std::int64_t column);

/// The part of `image` (c x h x w values of one image) that the frame covers, c x height x width;
/// what hangs over the border is `outside`.
[[nodiscard]] std::vector<float> cut_frame(std::span<const float> image,
                                           std::int64_t channels,
                                           const UnitFrame& frame,
                                           const FrameOrigin& origin,
                                           float outside = 0.0f);

}  // namespace cutaway::explain
