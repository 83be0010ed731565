#pragma once

#include "runtime/cpu_features.h"

namespace cutaway::kernels {

/// Works through independent chains of multiply-adds in registers, as wide as the level's vectors:
/// what no kernel of the level can outrun. Returns the floating-point operations done (about 2^28
/// at the widest level); `sum` is what came out, so that no compiler leaves the work away.
[[nodiscard]] double multiply_adds(float start, float& sum);
CUTAWAY_PER_LEVEL(double, multiply_adds, float start, float& sum);

}  // namespace cutaway::kernels
