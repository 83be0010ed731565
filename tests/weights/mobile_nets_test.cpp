#include <doctest/doctest.h>

#include <cmath>

#include "weights/zoo/zoo.h"

using namespace cutaway;
using namespace cutaway::weights;

namespace {

struct Known {
  const char* name;
  // As torchvision's documentation counts parameters, and the mean and variance of every normalised
  // channel, which are none to it.
  std::int64_t trained, statistics;
  double gmacs;  // as documented there, to two digits
  const char *first, *last;
};

}  // namespace

TEST_CASE("zoo: mobile and dense nets have the parameters and multiply-adds of torchvision's") {
  for (const Known& k :
       {Known{"mobilenet-v2", 3'504'872, 34'112, 0.30, "features.0.0", "classifier.1"},
        Known{"efficientnet-b0", 5'288'548, 42'016, 0.39, "features.0.0", "classifier.1"},
        Known{"densenet121", 7'978'856, 83'648, 2.83, "features.conv0", "classifier"}}) {
    CAPTURE(k.name);
    const Graph g = build_zoo(k.name).graph;
    CHECK(g.parameter_count() == k.trained + k.statistics);
    CHECK(std::fabs(static_cast<double>(g.macs()) / 1e9 - k.gmacs) <= 0.005);
    CHECK(g.node(g.find(k.first)).inputs[0] == 0);
    CHECK(g.node(g.find(k.last)).shape == Shape{1, 1000, 1, 1});
    CHECK(build_zoo(k.name, {.classes = 7}).graph.node(g.find(k.last)).shape.c == 7);
  }
}

TEST_CASE("zoo: mobile nets see planes of 7 x 7 at the end") {
  const Graph mobile = build_zoo("mobilenet-v2").graph;
  CHECK(mobile.node(mobile.find("features.18.2")).shape == Shape{1, 1280, 7, 7});
  // Shortcuts where stride and channels allow them: 10 of the 17 blocks.
  int shortcuts = 0;
  for (const Node& n : mobile.nodes()) shortcuts += n.name.ends_with(".add") ? 1 : 0;
  CHECK(shortcuts == 10);
  const Graph efficient = build_zoo("efficientnet-b0").graph;
  CHECK(efficient.node(efficient.find("features.2.0.block.2.fc1")).shape == Shape{1, 4, 1, 1});
  CHECK(efficient.node(efficient.find("features.2.0.block.2.scale")).shape == Shape{1, 96, 56, 56});
}
