#pragma once

#include "weights/import/onnx/onnx_builder.h"

/// One function an operator of ONNX (its page Operators, github.com/onnx/onnx), for
/// onnx_operators.cpp's table; private to weights/import/onnx. Each throws Unsupported for uses
/// that have no counterpart.
namespace cutaway::weights::onnx {

// onnx_windows.cpp
void average_pool(Builder& b, const Node& node);
void conv(Builder& b, const Node& node);
void max_pool(Builder& b, const Node& node);
void pad(Builder& b, const Node& node);

// onnx_shapes.cpp
void flatten(Builder& b, const Node& node);
void reduce_mean(Builder& b, const Node& node);
void reshape(Builder& b, const Node& node);
void squeeze(Builder& b, const Node& node);
void unsqueeze(Builder& b, const Node& node);

/// Extent `axis` of weights; throws Unsupported when there is none.
[[nodiscard]] std::int64_t channels_of(const Extents& extents, std::size_t axis);

}  // namespace cutaway::weights::onnx
