// Nets as a person writes them; the page's example among them.

#include "weights/net_file.h"
#include "tests/support/source_dir.h"

#include <doctest/doctest.h>

#include <fstream>
#include <string>

#include "layers/classifier.h"
#include "runtime/error.h"
#include "weights/graph_json.h"

using namespace cutaway;
using namespace cutaway::weights;

namespace {

/// The block of docs/training.md that begins with "input".
std::string documented_net() {
  std::ifstream file(source_dir() + "/docs/training.md");
  std::string text, line;
  bool inside = false;
  while (std::getline(file, line)) {
    if (line.find("{\"input\":") != std::string::npos) inside = true;
    if (inside && line.rfind("    ", 0) != 0) break;
    if (inside) text += line + "\n";
  }
  return text;
}

ErrorKind kind_of(const std::string& text) {
  try {
    (void)net_from_text(text, 4);
  } catch (const Error& error) {
    return error.kind();
  }
  return ErrorKind::kInternal;
}

}  // namespace

TEST_CASE("net files: the documented example is a net") {
  const std::string text = documented_net();
  REQUIRE(text.size() > 500);
  const NetFile net = net_from_text(text, 7);
  CHECK(class_count(net.graph) == 7);
  CHECK(net.graph.node(0).shape == Shape{1, 3, 64, 64});
  REQUIRE(net.preprocess.has_value());
  CHECK(net.preprocess->channels() == 3);
  CHECK(cam_head(net.graph).has_value());
}

TEST_CASE("net files: short and long forms are the same net") {
  const NetFile net =
      net_from_text(R"({"input": {"channels": 1, "height": 9, "width": 9}, "nodes": [
    {"type": "conv", "channels": 4, "kernel": 3, "stride_w": 2},
    {"type": "relu", "name": "r"},
    {"type": "conv", "channels": 4, "kernel": 1, "inputs": ["conv1"]},
    {"type": "add", "inputs": ["r", "conv2"]},
    {"type": "flatten"},
    {"type": "dense", "attributes": {"features": "classes"}}]})",
                    5);
  const Graph& g = net.graph;
  CHECK(g.node(1).name == "conv1");
  CHECK(g.node(1).shape == Shape{1, 4, 7, 4});
  CHECK(g.node(3).name == "conv2");
  CHECK(g.node(3).inputs == std::vector<NodeId>{1});
  CHECK(g.node(4).inputs == std::vector<NodeId>{2, 3});
  CHECK(g.node(6).shape.c == 5);
  CHECK(!net.preprocess.has_value());
  const NetFile whole = net_from_text(to_json(g), 99);
  CHECK(to_json(whole.graph) == to_json(g));
}

TEST_CASE("net files: what is wrong is named") {
  CHECK(kind_of("[]") == ErrorKind::kInput);
  CHECK(kind_of(R"({"nodes": []})") == ErrorKind::kInput);
  const std::string input = R"({"input": {"channels": 1, "height": 9, "width": 9}, "nodes": [)";
  CHECK(kind_of(input + R"({"channels": 3}]})") == ErrorKind::kInput);
  CHECK(kind_of(input + R"({"type": "convolution"}]})") == ErrorKind::kInput);
  CHECK(kind_of(input + R"({"type": "relu", "slope": 3}]})") == ErrorKind::kInput);
  CHECK(kind_of(input + R"({"type": "relu", "inputs": ["later"]}]})") == ErrorKind::kInput);
  CHECK(kind_of(input + R"(7]})") == ErrorKind::kInput);
  try {
    (void)load_net_file("/nowhere/net.json", 3);
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("/nowhere/net.json") != std::string::npos);
  }
}
