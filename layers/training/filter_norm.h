#pragma once

#include "layers/model.h"

namespace cutaway {

/// Filter renormalisation (Zeiler & Fergus 2013, section 3): every filter of every convolution
/// whose root mean square exceeds `radius` is scaled back to it; biases stay. Called after each
/// update, it keeps a first layer from being dominated by a few filters. Returns how many filters
/// it scaled; the parameters' version moves if any. Parameters on another device are copied to the
/// CPU and, where they change, back; nothing may be using them.
std::int64_t renormalize_filters(const Graph& graph, Parameters& parameters, double radius = 0.1);

}  // namespace cutaway
