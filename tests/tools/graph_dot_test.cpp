#include <doctest/doctest.h>

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "tools/graphs/show_graph.h"

using namespace cutaway;
using namespace cutaway::tools;
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

}  // namespace

TEST_CASE("graph DOT: every node and edge, and labels that stay labels") {
  const std::string text = graph_dot(quoted_graph(), 10);
  // A quoted string of DOT ends at the first quote without a backslash before it.
  const std::regex node(R"re((\w+) \[label="((?:[^"\\]|\\.)*)"\];)re");
  const std::regex edge(R"((\w+) -> (\w+);)");
  std::map<std::string, std::string> labels;
  std::set<std::pair<std::string, std::string>> edges;
  std::istringstream lines(text);
  std::smatch m;
  for (std::string line; std::getline(lines, line);) {
    line.erase(0, line.find_first_not_of(' '));
    if (std::regex_match(line, m, node)) {
      labels[m[1]] = m[2];
    } else if (std::regex_match(line, m, edge)) {
      CHECK(edges.insert({m[1], m[2]}).second);
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
    MESSAGE("SKIPPED: no dot on this machine");
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
