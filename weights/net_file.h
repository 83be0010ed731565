#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "layers/graph.h"
#include "weights/preprocess.h"

namespace cutaway::weights {

/// A net as a person writes it.
struct NetFile {
  Graph graph;
  std::optional<Preprocess> preprocess;
};

/// The JSON that packages hold (weights/graph_json.h), and shorter: "attributes", "aliases" and
/// "name" may be left out ("conv1", "conv2", ... are given); "inputs" too, for the node before;
/// attributes may stand in the node itself; "kernel", "stride", "pad" and "dilation" stand for both
/// directions; "features" (dense) or "channels" (conv) of "classes" are `classes`. A member "preprocess" is as
/// weights::preprocess_from_file_text takes it. Throws kInput or kShape, naming the node.
[[nodiscard]] NetFile net_from_text(std::string_view text, std::int64_t classes);

/// The same of a file of at most 16 MiB; errors name it.
[[nodiscard]] NetFile load_net_file(const std::string& path, std::int64_t classes);

}  // namespace cutaway::weights
