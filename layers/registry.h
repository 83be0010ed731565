#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "layers/layer.h"

namespace cutaway {

/// Builds the layer that `type` names from its attributes. Throws kInput for an unknown type
/// (naming the nearest), a missing, mistyped or unknown attribute.
[[nodiscard]] LayerPtr make_layer(std::string_view type, const Attributes& attributes);

/// All type names, in alphabetical order.
[[nodiscard]] std::vector<std::string> layer_types();

}  // namespace cutaway
