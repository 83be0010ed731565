#pragma once

#include "layers/rule.h"

/// Rule sets: one table a method. Every ReLU of the net takes part, including those behind fully
/// connected layers and the one that produced the seeded map.
namespace cutaway::explain {

/// The deconvnet (Zeiler & Fergus 2013): ReLU passes R [R > 0] whatever the forward sign, max
/// pooling unpools by its switches, everything linear is transposed, LRN is the identity (the paper
/// is silent) or, when `lrn_gradient`, its Jacobian. Softmax is refused: seed at the logits or
/// below. Where windows of a max pooling overlap and share a switch, their values add up, as in the
/// gradient, or the last window in row-major order wins (`overwrite`; the paper does not say).
[[nodiscard]] RuleSet deconvnet_rules(bool lrn_gradient = false, bool overwrite = false);

/// Guided backpropagation (Springenberg et al. 2014): ReLU passes R [y > 0] [R > 0], other
/// rectifiers (leaky ReLU, PReLU, SiLU, GELU, ...) the gradient of what is positive in R; the rest
/// is the gradient.
[[nodiscard]] RuleSet guided_rules();

}  // namespace cutaway::explain
