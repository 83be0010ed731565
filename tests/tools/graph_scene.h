#pragma once

#include <string>

#include "explain/graph/run/scene.h"
#include "explain/runs/load_network.h"
#include "tests/support/source_dir.h"

/// Of the tests of the explanatory graph.
namespace cutaway::tests {

inline const std::string kModel = source_dir() + "/weights/shipped/creatures.h5";

/// Without pictures and layers.
inline explain::Scene blank_scene() {
  return {explain::load_network(kModel), {}, {}, {}, {}, {}, {}, 0, 0, 0};
}

}  // namespace cutaway::tests
