#include "layers/training/selection.h"

#include <algorithm>

#include "runtime/error.h"

namespace cutaway {
namespace {

bool named(const Graph& graph, NodeId id, const std::string& pattern) {
  if (matches(pattern, graph.node(id).name)) return true;
  return std::ranges::any_of(graph.aliases(), [&](const auto& alias) {
    return alias.second == id && matches(pattern, alias.first);
  });
}

}  // namespace

bool matches(std::string_view pattern, std::string_view text) {
  // The last * takes one character more whenever what follows it does not fit.
  std::size_t p = 0, t = 0, star = std::string_view::npos, taken = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++taken;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::vector<NodeId> matching_nodes(const Graph& graph, std::span<const std::string> patterns) {
  std::vector<bool> found(static_cast<std::size_t>(graph.size()), false);
  std::vector<std::string> names;
  for (NodeId id = 0; id < graph.size(); ++id) {
    if (!graph.parameters(id).empty()) names.push_back(graph.node(id).name);
  }
  for (const std::string& pattern : patterns) {
    bool fits = false;
    for (NodeId id = 0; id < graph.size(); ++id) {
      if (graph.parameters(id).empty() || !named(graph, id, pattern)) continue;
      found[static_cast<std::size_t>(id)] = fits = true;
    }
    if (fits) continue;
    std::string hint = "layers with parameters are near";
    for (const std::string& near : nearest_names(pattern, names)) hint += " '" + near + "'";
    throw Error(ErrorKind::kUsage,
                "no layer with parameters has a name of the form '" + pattern + "'")
        .hint(hint);
  }
  std::vector<NodeId> nodes;
  for (NodeId id = 0; id < graph.size(); ++id) {
    if (found[static_cast<std::size_t>(id)]) nodes.push_back(id);
  }
  return nodes;
}

std::vector<NodeId> batch_norms(const Graph& graph) {
  std::vector<NodeId> nodes;
  for (NodeId id = 0; id < graph.size(); ++id) {
    if (graph.node(id).layer->kind() == LayerKind::kBatchNorm) nodes.push_back(id);
  }
  return nodes;
}

}  // namespace cutaway
