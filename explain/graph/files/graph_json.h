#pragma once

#include <nlohmann/json.hpp>

#include "explain/graph/graph.h"

#pragma GCC visibility push(hidden)

/// Configuration and layers of a graph as JSON; private to tools/graphs.
namespace cutaway::explain {

[[nodiscard]] nlohmann::ordered_json to_json(const graph::Config& config);
/// Throws nlohmann's exceptions on missing or mistyped members.
[[nodiscard]] graph::Config config_from_json(const nlohmann::ordered_json& json);
[[nodiscard]] nlohmann::ordered_json to_json(const graph::LayerSpec& spec);
[[nodiscard]] graph::LayerSpec spec_from_json(const nlohmann::ordered_json& json);

}  // namespace cutaway::explain

#pragma GCC visibility pop
