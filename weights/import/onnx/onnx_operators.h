#pragma once

#include "weights/import/onnx/onnx_builder.h"

/// One function an operator of ONNX (its page Operators, github.com/onnx/onnx), for
/// onnx_operators.cpp's table; private to weights/import/onnx. Each throws Unsupported for uses
/// that have no counterpart.
namespace cutaway::weights::onnx {

// onnx_activations.cpp
void celu(Builder& b, const Node& node);
void clip(Builder& b, const Node& node);
void elu(Builder& b, const Node& node);
void erf(Builder& b, const Node& node);
void gelu(Builder& b, const Node& node);
void hard_sigmoid(Builder& b, const Node& node);
void hard_swish(Builder& b, const Node& node);
void leaky_relu(Builder& b, const Node& node);
void log_softmax(Builder& b, const Node& node);
void mish(Builder& b, const Node& node);
void prelu(Builder& b, const Node& node);
void relu(Builder& b, const Node& node);
void selu(Builder& b, const Node& node);
void sigmoid(Builder& b, const Node& node);
void softmax(Builder& b, const Node& node);
void softplus(Builder& b, const Node& node);
void softsign(Builder& b, const Node& node);
void swish(Builder& b, const Node& node);
void tanh(Builder& b, const Node& node);

// onnx_arithmetic.cpp
void add(Builder& b, const Node& node);
void divide(Builder& b, const Node& node);
void maximum(Builder& b, const Node& node);
void minimum(Builder& b, const Node& node);
void multiply(Builder& b, const Node& node);
void negate(Builder& b, const Node& node);
void subtract(Builder& b, const Node& node);

// onnx_norms.cpp
void batch_norm(Builder& b, const Node& node);
void group_norm(Builder& b, const Node& node);
void instance_norm(Builder& b, const Node& node);
void layer_norm(Builder& b, const Node& node);
void lrn(Builder& b, const Node& node);

// onnx_reduce.cpp
void reduce_max(Builder& b, const Node& node);
void reduce_mean(Builder& b, const Node& node);
void reduce_sum(Builder& b, const Node& node);

// onnx_resize.cpp
void depth_to_space(Builder& b, const Node& node);
void resize(Builder& b, const Node& node);
void space_to_depth(Builder& b, const Node& node);
void upsample(Builder& b, const Node& node);

// onnx_shapes.cpp
void concat(Builder& b, const Node& node);
void flatten(Builder& b, const Node& node);
void gather(Builder& b, const Node& node);
void reshape(Builder& b, const Node& node);
void slice(Builder& b, const Node& node);
void split(Builder& b, const Node& node);
void squeeze(Builder& b, const Node& node);
void transpose(Builder& b, const Node& node);
void unsqueeze(Builder& b, const Node& node);

// onnx_windows.cpp
void average_pool(Builder& b, const Node& node);
void conv(Builder& b, const Node& node);
void conv_transpose(Builder& b, const Node& node);
void max_pool(Builder& b, const Node& node);
void pad(Builder& b, const Node& node);

/// Extent `axis` of weights; throws Unsupported when there is none.
[[nodiscard]] std::int64_t channels_of(const Extents& extents, std::size_t axis);
/// Axes counted from the front, without repeats and in order. Throws Unsupported for one that a
/// value of that rank does not have.
[[nodiscard]] std::vector<std::size_t> places_of(const std::vector<std::int64_t>& axes,
                                                 std::size_t rank);
[[nodiscard]] std::size_t place_of(std::int64_t axis, std::size_t rank);

}  // namespace cutaway::weights::onnx
