#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "layers/executor.h"

namespace cutaway {

/// Where a pass first leaves the finite numbers.
struct NonFinite {
  std::string layer;       ///< "conv3 (conv)"
  bool parameter{false};   ///< a parameter of the layer is not finite; otherwise its output is
  std::int64_t image{-1};  ///< the first image of the batch in which it is not; -1: a parameter
};

/// The first layer, in the order of the graph, with a parameter or an output that is not finite;
/// empty: none. Runs the forward pass again, on the executor's present input.
[[nodiscard]] std::optional<NonFinite> find_non_finite(Executor& executor);

}  // namespace cutaway
