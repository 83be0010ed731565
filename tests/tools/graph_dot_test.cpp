#include <doctest/doctest.h>

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include "explain/graph/show/show_graph.h"
#include "tests/support/skip.h"

using namespace cutaway;
using namespace cutaway::explain;
namespace fs = std::filesystem;

namespace {

/// Two layers, three nodes below with two parents each, one of them missing, two nodes above; names
/// that would end a string.
explain::graph::ExplanatoryGraph quoted_graph() {
  explain::graph::ExplanatoryGraph graph;
  explain::graph::Layer low;
  low.spec = {R"(a"b\c)", 3, 10, 1, 0.1, 8, 3.5};
  low.parents = 2;
  low.edges = {0, 1, 1, -1, 1, 0};
  low.rank = {3, 2, 1};
  explain::graph::Layer top;
  top.spec = {"x\\", 2, 10, 1, 0.1, 8, 3.5};
  top.rank = {2, 1};
  graph.layers = {low, top};
  for (auto& layer : graph.layers) {
    layer.mean_h.assign(layer.rank.size(), 5);
    layer.mean_w.assign(layer.rank.size(), 5);
  }
  return graph;
}

const std::set<std::pair<std::string, std::string>> kEdges{
    {"l0n0", "l1n0"}, {"l0n0", "l1n1"}, {"l0n1", "l1n1"}, {"l0n2", "l1n0"}, {"l0n2", "l1n1"}};

bool is_name(const std::string& text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (std::isalnum(static_cast<unsigned char>(c)) != 0) || c == '_';
  });
}

/// `line` = first + between + second + end, with a name first.
std::optional<std::pair<std::string, std::string>> split(const std::string& line,
                                                         const std::string& between,
                                                         const std::string& end) {
  const std::size_t at = line.find(between);
  if (at == std::string::npos || !line.ends_with(end)) return {};
  const std::size_t second = at + between.size();
  if (second + end.size() > line.size() || !is_name(line.substr(0, at))) return {};
  return {{line.substr(0, at), line.substr(second, line.size() - end.size() - second)}};
}

/// What stands between two quotes of DOT: no quote without a backslash, and no backslash alone.
bool is_quoted(const std::string& text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"' || (text[i] == '\\' && ++i == text.size())) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("graph DOT: every node and edge, and labels that stay labels") {
  const std::string text = graph_dot(quoted_graph(), 10);
  std::map<std::string, std::string> labels;
  std::set<std::pair<std::string, std::string>> edges;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    line.erase(0, line.find_first_not_of(' '));
    if (const auto node = split(line, " [label=\"", "\"];"); node && is_quoted(node->second)) {
      labels.insert(*node);
    } else if (const auto edge = split(line, " -> ", ";"); edge && is_name(edge->second)) {
      CHECK(edges.insert(*edge).second);
    } else {
      CAPTURE(line);
      const std::set<std::string> rest{"digraph explanatory_graph {",
                                       "rankdir=BT;",
                                       "node [shape=box, fontsize=9];",
                                       "subgraph layer0 {",
                                       "subgraph layer1 {",
                                       "rank=same;",
                                       "}"};
      CHECK(rest.contains(line));
    }
  }
  CHECK(labels.size() == 5);
  CHECK(labels["l0n1"] == R"(a\"b\\c\nfilter 1 node 0\n2.00)");
  CHECK(labels["l1n0"] == R"(x\\\nfilter 0 node 0\n2.00)");
  CHECK(edges == kEdges);
  // Fewer nodes, and the edges among them only.
  const std::string best = graph_dot(quoted_graph(), 1);
  CHECK(best.find("l0n1") == std::string::npos);
  CHECK(best.find("l0n0 -> ") != std::string::npos);
}

TEST_CASE("graph DOT: Graphviz reads the same") {
  if (std::system("dot -V > /dev/null 2>&1") != 0) {  // NOLINT(cert-env33-c): looks for a program
    tests::skip_case("no dot on this machine");
    return;
  }
  const fs::path file = fs::temp_directory_path() / ("cutaway-dot-" + std::to_string(::getpid()));
  std::ofstream(file) << graph_dot(quoted_graph(), 10);
  const std::string command = "dot -Tplain '" + file.string() + "'";
  FILE* pipe = ::popen(command.c_str(), "r");  // NOLINT(cert-env33-c): a fixed program
  REQUIRE(pipe != nullptr);
  std::string text;
  char piece[4096];
  while (std::fgets(piece, sizeof piece, pipe) != nullptr) text += piece;
  CHECK(::pclose(pipe) == 0);
  fs::remove(file);
  std::set<std::string> nodes;
  std::set<std::pair<std::string, std::string>> edges;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string what, from, to;
    words >> what >> from >> to;
    if (what == "node") nodes.insert(from);
    if (what == "edge") CHECK(edges.insert({from, to}).second);
  }
  CHECK(nodes == std::set<std::string>{"l0n0", "l0n1", "l0n2", "l1n0", "l1n1"});
  CHECK(edges == kEdges);
}
