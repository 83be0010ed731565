#pragma once

#include <cstdint>
#include <span>

#include "layers/model.h"

namespace cutaway {

/// Filter renormalisation (Zeiler & Fergus 2014, section 3.1): every filter of every convolution
/// that is not among `frozen` whose root mean square exceeds `radius` is scaled back to it; biases
/// stay. Called after each update, it keeps a first layer from being dominated by a few filters.
/// The parameters live on the stream's device. Returns how many filters it scaled; the parameters'
/// version moves if any. Throws kUsage unless radius > 0.
std::int64_t renormalize_filters(Stream& stream,
                                 const Graph& graph,
                                 Parameters& parameters,
                                 double radius = 0.1,
                                 std::span<const NodeId> frozen = {});

}  // namespace cutaway
