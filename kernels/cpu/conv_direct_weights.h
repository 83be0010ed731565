#pragma once

#include <memory>

#include "kernels/conv.h"

namespace cutaway::kernels::direct {

/// Gradient of the weights for a problem that the direct engine accepts.
[[nodiscard]] std::unique_ptr<ConvPrimitive> make_backward_weights(const ConvProblem& p);

}  // namespace cutaway::kernels::direct
