#pragma once

#include "layers/rule.h"

namespace cutaway::explain {

/// The gradient, but a ReLU through which nothing of an image's signal would pass lets through what
/// pushes its negative inputs up (Olah et al. 2017): an ascent that starts where every unit is
/// silent then has somewhere to go.
[[nodiscard]] RuleSet rescue_rules();

}  // namespace cutaway::explain
