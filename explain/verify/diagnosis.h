#pragma once

#include <string>

#include "explain/verify/reference.h"
#include "layers/model.h"
#include "runtime/stream.h"

namespace cutaway::explain {

/// What would explain that `node` is the first layer to differ: the layer alone is run on the
/// reference's own input of it, as it is and with the usual conversion errors undone (kernels
/// rotated or transposed, weights transposed, features in H, W, C order, input channels reversed,
/// no bias, the weights of another layer of the same extents). Says which of them gives the
/// reference's output, as a sentence; empty when none does, or when the bundle does not hold the
/// layer's input.
[[nodiscard]] std::string diagnose(const Model& model,
                                   const Reference& reference,
                                   NodeId node,
                                   double tolerance,
                                   const Stream& stream);

}  // namespace cutaway::explain
