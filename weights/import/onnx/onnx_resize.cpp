#include <algorithm>
#include <cmath>

#include "layers/rearrange.h"
#include "layers/resize.h"
#include "weights/import/onnx/onnx_operators.h"

// ONNX's operators that give maps other rows and columns without weights.
namespace cutaway::weights::onnx {
namespace {

using Coordinates = ResizeLayer::Coordinates;
using kernels::Interpolation;

Coordinates coordinates_of(const std::string& mode) {
  struct Mode {
    const char* name;
    Coordinates coordinates;
  };
  static constexpr Mode kModes[] = {{"half_pixel", Coordinates::kHalfPixel},
                                    {"pytorch_half_pixel", Coordinates::kPytorchHalfPixel},
                                    {"half_pixel_symmetric", Coordinates::kHalfPixelSymmetric},
                                    {"asymmetric", Coordinates::kAsymmetric},
                                    {"align_corners", Coordinates::kAlignCorners}};
  for (const Mode& m : kModes) {
    if (mode == m.name) return m.coordinates;
  }
  throw Unsupported{"with the coordinates " + mode};
}

Interpolation nearest_of(const std::string& mode) {
  if (mode == "round_prefer_floor") return Interpolation::kNearestPreferFloor;
  if (mode == "round_prefer_ceil") return Interpolation::kNearestPreferCeiling;
  if (mode == "floor") return Interpolation::kFloor;
  if (mode == "ceil") return Interpolation::kCeiling;
  throw Unsupported{"with nearest_mode " + mode};
}

/// Scales or sizes of rows and columns from those of all axes, or of those that `axes` names.
template <class T>
std::array<T, 2> rows_and_columns(const std::vector<T>& all,
                                  const std::vector<std::int64_t>& axes,
                                  T unchanged_batch,
                                  T unchanged_channels) {
  std::array<T, 2> result{};
  std::array<T, 4> four{unchanged_batch, unchanged_channels, T{}, T{}};
  std::vector<std::int64_t> named = axes;
  if (named.empty()) named = {0, 1, 2, 3};
  if (named.size() != all.size()) throw Unsupported{"with another number of axes"};
  for (std::size_t i = 0; i < named.size(); ++i) four[place_of(named[i], 4)] = all[i];
  const bool batch = four[0] == unchanged_batch || four[0] == static_cast<T>(kBatch) ||
                     four[0] == static_cast<T>(1);
  if (!batch || four[1] != unchanged_channels)
    throw Unsupported{"of other axes than rows and columns"};
  result[0] = four[2];
  result[1] = four[3];
  return result;
}

/// Numbers of a small constant, or integers that are computed from extents.
std::vector<float> scales_of(Builder& b, const Node& node, std::size_t i) {
  if (i >= node.inputs.size() || node.inputs[i].empty()) return {};
  const Tensor* t = b.constant(node, i);
  if (t == nullptr || count_of(t->extents) == 0) return {};
  return b.numbers(*t);
}

void define_resized(Builder& b,
                    const Node& node,
                    const Computed& x,
                    const std::vector<float>& scales,
                    Interpolation interpolation,
                    Coordinates coordinates,
                    const std::vector<std::int64_t>& axes = {}) {
  const std::array<float, 2> s = rows_and_columns(scales, axes, 1.0F, 1.0F);
  ResizeLayer::Target target;
  target.scale_h = double{s[0] == 0.0F ? 1.0F : s[0]};
  target.scale_w = double{s[1] == 0.0F ? 1.0F : s[1]};
  const auto layer = std::make_shared<ResizeLayer>(target, interpolation, coordinates);
  b.define(node, {b.add(node, layer, {x.node}), 4});
}

/// What "nearest" meant before version 11: the place before, and behind where the maps shrink.
Interpolation old_nearest(const std::vector<float>& scales) {
  const bool shrinks = std::any_of(scales.begin(), scales.end(), [](float s) { return s < 1.0F; });
  const bool grows = std::any_of(scales.begin(), scales.end(), [](float s) { return s > 1.0F; });
  if (shrinks && grows) throw Unsupported{"that enlarges one axis and shrinks the other"};
  return shrinks ? Interpolation::kCeiling : Interpolation::kFloor;
}

/// Version 10 of Resize and all of Upsample.
void old_resize(Builder& b, const Node& node, const Computed& x, std::vector<float> scales) {
  const std::string mode = text_of(node, "mode", "nearest");
  const bool linear = mode == "linear" || mode == "bilinear";
  if (!linear && mode != "nearest") throw Unsupported{"with mode " + mode};
  const Interpolation interpolation = linear ? Interpolation::kLinear : old_nearest(scales);
  define_resized(b, node, x, scales, interpolation, Coordinates::kAsymmetric);
}

}  // namespace

void resize(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  if (x.rank != 4) throw Unsupported{"of other things than maps"};
  if (b.opset() < 11) return old_resize(b, node, x, scales_of(b, node, 1));
  const std::string mode = text_of(node, "mode", "nearest");
  if (mode != "nearest" && mode != "linear") throw Unsupported{"with mode " + mode};
  if (integer_of(node, "antialias", 0) != 0) throw Unsupported{"with antialiasing"};
  const std::string policy = text_of(node, "keep_aspect_ratio_policy", "stretch");
  if (policy != "stretch") throw Unsupported{"with keep_aspect_ratio_policy " + policy};
  Coordinates coordinates =
      coordinates_of(text_of(node, "coordinate_transformation_mode", "half_pixel"));
  const Interpolation interpolation =
      mode == "linear" ? Interpolation::kLinear
                       : nearest_of(text_of(node, "nearest_mode", "round_prefer_floor"));
  const std::vector<std::int64_t> axes = integers_of(node, "axes", {});
  const std::vector<float> scales = scales_of(b, node, 2);
  if (!scales.empty()) {
    return define_resized(b, node, x, scales, interpolation, coordinates, axes);
  }
  const auto sizes = b.integers(node, 3);
  if (!sizes) throw Unsupported{"with neither scales nor sizes"};
  const Shape& s = b.shape_of(x.node);
  const auto to = rows_and_columns<std::int64_t>(*sizes, axes, b.batch(), s.c);
  ResizeLayer::Target target;
  target.height = to[0] == 0 ? s.h : to[0];
  target.width = to[1] == 0 ? s.w : to[1];
  const auto layer = std::make_shared<ResizeLayer>(target, interpolation, coordinates);
  b.define(node, {b.add(node, layer, {x.node}), 4});
}

void upsample(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  if (x.rank != 4) throw Unsupported{"of other things than maps"};
  std::vector<float> scales = scales_of(b, node, 1);
  const auto listed = node.attributes.find("scales");
  if (scales.empty() && listed != node.attributes.end()) scales = listed->second.numbers;
  if (scales.empty()) {
    scales = {1.0F, 1.0F, static_cast<float>(number_of(node, "height_scale", 1.0)),
              static_cast<float>(number_of(node, "width_scale", 1.0))};
  }
  old_resize(b, node, x, scales);
}

void depth_to_space(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  const std::string mode = text_of(node, "mode", "DCR");
  if (x.rank != 4 || (mode != "DCR" && mode != "CRD")) throw Unsupported{"with mode " + mode};
  const auto layer = std::make_shared<Rearrange>(
      Rearrange::depth_to_space(integer_of(node, "blocksize", 0), mode == "CRD"));
  b.define(node, {b.add(node, layer, {x.node}), 4});
}

void space_to_depth(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  if (x.rank != 4) throw Unsupported{"of other things than maps"};
  const auto layer = std::make_shared<Rearrange>(
      Rearrange::space_to_depth(integer_of(node, "blocksize", 0), false));
  b.define(node, {b.add(node, layer, {x.node}), 4});
}

}  // namespace cutaway::weights::onnx
