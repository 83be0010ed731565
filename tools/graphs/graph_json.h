#pragma once

#include <nlohmann/json.hpp>

#include "explain/graph/graph.h"

/// Configuration and layers of a graph as JSON; private to tools/graphs.
namespace cutaway::tools {

[[nodiscard]] nlohmann::ordered_json to_json(const explain::graph::Config& config);
/// Throws nlohmann's exceptions on missing or mistyped members.
[[nodiscard]] explain::graph::Config config_from_json(const nlohmann::ordered_json& json);
[[nodiscard]] nlohmann::ordered_json to_json(const explain::graph::LayerSpec& spec);
[[nodiscard]] explain::graph::LayerSpec spec_from_json(const nlohmann::ordered_json& json);

}  // namespace cutaway::tools
