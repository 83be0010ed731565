#include "explain/units/tile.h"

#include <algorithm>
#include <cmath>

#include "runtime/error.h"

namespace cutaway::explain {
namespace {

std::int64_t first_pixel(const Field& field, std::int64_t unit) {
  // Sizes are whole and centres lie on or between pixels, so that this is exact but for the wording
  // of doubles.
  return std::llround(field.center + static_cast<double>(unit) * field.jump -
                      (field.size - 1.0) / 2.0);
}

}  // namespace

UnitFrame unit_frame(const Graph& graph, NodeId layer, const Shape& input) {
  check(layer >= 0 && layer < graph.size(), "a frame of no layer");
  const Fields fields = receptive_fields(graph)[static_cast<std::size_t>(layer)];
  UnitFrame frame;
  frame.rows = fields.rows;
  frame.columns = fields.columns;
  frame.image_height = input.h;
  frame.image_width = input.w;
  frame.whole_height = !(fields.rows.size <= static_cast<double>(input.h));
  frame.whole_width = !(fields.columns.size <= static_cast<double>(input.w));
  frame.height =
      frame.whole_height ? input.h : std::max<std::int64_t>(1, std::llround(fields.rows.size));
  frame.width =
      frame.whole_width ? input.w : std::max<std::int64_t>(1, std::llround(fields.columns.size));
  return frame;
}

FrameOrigin frame_origin(const UnitFrame& frame, std::int64_t row, std::int64_t column) {
  return {frame.whole_height ? 0 : first_pixel(frame.rows, row),
          frame.whole_width ? 0 : first_pixel(frame.columns, column)};
}

std::vector<float> cut_frame(std::span<const float> image,
                             std::int64_t channels,
                             const UnitFrame& frame,
                             const FrameOrigin& origin,
                             float outside) {
  const auto plane = static_cast<std::size_t>(frame.image_height * frame.image_width);
  check(image.size() == plane * static_cast<std::size_t>(channels), "an image of another size");
  std::vector<float> out(static_cast<std::size_t>(channels * frame.height * frame.width), outside);
  const std::int64_t first = std::max<std::int64_t>(0, -origin.column);
  const std::int64_t last = std::min(frame.width, frame.image_width - origin.column);
  if (!(first < last)) return out;
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t y = 0; y < frame.height; ++y) {
      const std::int64_t from = origin.row + y;
      if (from < 0 || from >= frame.image_height) continue;
      const auto source = static_cast<std::size_t>(
          (c * frame.image_height + from) * frame.image_width + origin.column + first);
      const auto target = static_cast<std::size_t>((c * frame.height + y) * frame.width + first);
      std::copy_n(image.begin() + static_cast<std::ptrdiff_t>(source), last - first,
                  out.begin() + static_cast<std::ptrdiff_t>(target));
    }
  }
  return out;
}

}  // namespace cutaway::explain
