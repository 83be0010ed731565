#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "weights/import/onnx/onnx_model.h"

/// Arithmetic on the small integer tensors with which exporters compute shapes and pads; private to
/// weights/import/onnx.
namespace cutaway::weights::onnx {

/// A tensor of integers that is known while importing.
struct Integers {
  Extents extents;  ///< empty: a scalar
  std::vector<std::int64_t> values;
};

/// Stands for the number of pictures in a batch, which an importer does not know. It may be moved,
/// not reckoned with.
inline constexpr std::int64_t kBatch = std::numeric_limits<std::int64_t>::min() + 77777;

/// The most elements of such a tensor.
inline constexpr std::int64_t kMostKnown = 1 << 16;

/// True when an operator of that type can be carried out on integers: Add, Cast, Concat,
/// ConstantOfShape, Div, Gather, Identity, Mul, Reshape, Slice, Squeeze, Sub, Transpose, Unsqueeze.
[[nodiscard]] bool folds(const std::string& type);

/// The node's output from its inputs (null: absent). Throws Unsupported (onnx_builder.h) for what
/// it does not do, kInput for extents that do not fit.
[[nodiscard]] Integers fold(const Node& node, const std::vector<const Integers*>& inputs);

}  // namespace cutaway::weights::onnx
