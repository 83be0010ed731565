#pragma once

#include <cstdint>

#include "kernels/run.h"
#include "runtime/layout.h"

/// Arithmetic of two tensors that may differ in extents: an extent of 1 stands for every place of
/// the other's (the broadcasting of numpy and ONNX). Padding lanes of outputs become 0.
namespace cutaway::kernels {

enum class BinaryOp : std::uint8_t { kAdd, kSubtract, kMultiply, kDivide, kMaximum, kMinimum };

/// y = x0 op x1. Every extent of x0 and x1 is y's or 1. An operand has y's block size, or is plain
/// (a parameter, the network's input); an operand of one channel may have any. y may alias an
/// operand of its own geometry. The larger and the smaller of a number and NaN are NaN.
struct Binary {
  View<const float> x0, x1;
  View<float> y;
  BinaryOp op;
};
CUTAWAY_KERNEL(Binary);

/// dx = dy d(x0 op x1)/dx_operand, summed over the places that one element of dx stood for (float64
/// inside, rows in order, so the same bits on both devices). dx has the extents of that operand.
/// kAdd and kSubtract do not read x0 and x1, which then may have no data. Where both are the
/// largest (smallest), each takes half, as in PyTorch. dx must not alias x0 or x1; it may alias dy
/// where their extents are equal.
struct BinaryBackward {
  View<const float> x0, x1, dy;
  View<float> dx;
  BinaryOp op;
  std::int32_t operand;  ///< 0 or 1
};
CUTAWAY_KERNEL(BinaryBackward);

}  // namespace cutaway::kernels
