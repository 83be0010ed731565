#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "layers/graph.h"
#include "weights/preprocess.h"

namespace cutaway::weights {

struct ZooOptions {
  /// Number of classes; 0 takes the architecture's own.
  std::int64_t classes{0};
};

/// An architecture with what belongs to it apart from the weights.
struct ZooNet {
  Graph graph;
  Preprocess preprocess;  ///< what the published weights of this architecture expect
  /// "imagenet" (ILSVRC-2012 in synset order), "places205", "mnist" (digits), or empty.
  std::string label_set;
};

struct ZooEntry {
  const char* name;
  const char* description;
  ZooNet (*build)(const ZooOptions& options);
};

/// All architectures, in alphabetical order.
[[nodiscard]] std::span<const ZooEntry> zoo();

/// Builds the architecture of that name. Throws kUsage with the nearest names for an unknown one,
/// and when the number of classes is outside 0..100000.
[[nodiscard]] ZooNet build_zoo(std::string_view name, const ZooOptions& options = {});

}  // namespace cutaway::weights
