#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "layers/graph.h"

namespace cutaway {

/// Whether `text` is of the form `pattern`, in which * stands for any characters and ? for one.
[[nodiscard]] bool matches(std::string_view pattern, std::string_view text);

/// The nodes with parameters whose name, or one of whose aliases, is of the form of one of the
/// patterns ("conv1*"), in the order of the graph. Throws kUsage when a pattern fits none of them.
[[nodiscard]] std::vector<NodeId> matching_nodes(const Graph& graph,
                                                 std::span<const std::string> patterns);

/// All batch normalisations.
[[nodiscard]] std::vector<NodeId> batch_norms(const Graph& graph);

}  // namespace cutaway
