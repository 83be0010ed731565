#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weights/import/onnx/onnx_builder.h"

/// What ONNX's operators with windows have in common; private to weights/import/onnx.
namespace cutaway::weights::onnx {

/// Padding before and behind along one axis.
struct Padding {
  std::int64_t before{0}, behind{0};
};

/// A window of two axes, rows and columns.
struct Windowing {
  std::vector<std::int64_t> kernel, stride, dilation;
  Padding h, w;
};

/// The attributes kernel_shape (or `kernel`), strides, dilations, pads and auto_pad of a node on
/// maps `x`. Throws Unsupported for impossible ones.
[[nodiscard]] Windowing windowing(const Node& node,
                                  const Shape& x,
                                  std::vector<std::int64_t> kernel);

/// `value` as a number of a layer; throws Unsupported when it is negative or too large.
[[nodiscard]] std::int32_t small(std::int64_t value, const char* what);
/// An attribute of two such numbers.
[[nodiscard]] std::vector<std::int64_t> pair_of(const Node& node,
                                                const char* name,
                                                std::vector<std::int64_t> otherwise);

}  // namespace cutaway::weights::onnx
