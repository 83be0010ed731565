#pragma once

#include <string>

#include "explain/graph/run/scene.h"
#include "explain/runs/load_network.h"

/// Of the tests of the explanatory graph.
namespace cutaway::tests {

inline const std::string kModel = std::string(CUTAWAY_SOURCE_DIR) + "/weights/shipped/creatures.h5";

/// Without pictures and layers.
inline explain::Scene blank_scene() {
  return {explain::load_network(kModel), {}, {}, {}, {}, {}, {}, 0, 0, 0};
}

}  // namespace cutaway::tests
