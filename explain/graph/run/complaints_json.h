#pragma once

#include <nlohmann/json.hpp>

#include "explain/graph/features/graph_features.h"

#pragma GCC visibility push(hidden)

namespace cutaway::explain {

/// {"failed": [{"file", "error"} ...], "mended": [{"file", "box"} ...]}.
[[nodiscard]] nlohmann::ordered_json complaints_json(const GraphComplaints& complaints);

}  // namespace cutaway::explain

#pragma GCC visibility pop
