#include "weights/net_edit.h"

#include <doctest/doctest.h>

#include "runtime/error.h"
#include "weights/graph_json.h"
#include "weights/net_file.h"

using namespace cutaway;
using namespace cutaway::weights;

namespace {

Graph small_net() {
  return net_from_text(R"({"input": {"channels": 3, "height": 16, "width": 16}, "nodes": [
    {"type": "conv", "name": "conv1", "channels": 4, "kernel": 3, "pad": 1},
    {"type": "relu", "name": "relu1"},
    {"type": "conv", "name": "conv2", "channels": 4, "kernel": 3, "pad": 1},
    {"type": "add", "name": "sum", "inputs": ["relu1", "conv2"]},
    {"type": "global_average_pool", "name": "gap"},
    {"type": "dense", "name": "fc", "features": "classes"}]})",
                       5)
      .graph;
}

ErrorKind kind_of(const NetEdit& edit) {
  try {
    (void)edited(small_net(), edit);
  } catch (const Error& error) {
    return error.kind();
  }
  FAIL("no error");
  return ErrorKind::kInternal;
}

}  // namespace

TEST_CASE("net edits: other extents, layers left out, shapes inferred anew") {
  const Graph net = small_net();
  CHECK(to_json(edited(net, {})) == to_json(net));
  const Graph wide =
      edited(net, {{{"conv1", "width", 1.5, true}, {"conv2", "channels", 6, false}}, {}});
  CHECK(wide.node(wide.find("conv1")).shape.c == 6);
  CHECK(wide.node(wide.find("gap")).shape.c == 6);
  const Graph strided = edited(
      net,
      {{{"conv1", "kernel", 5, false}, {"conv1", "stride", 2, false}, {"conv1", "pad", 2, false}},
       {}});
  CHECK(strided.node(strided.find("conv1")).shape == Shape{1, 4, 8, 8});
  const Graph dense = edited(net, {{{"fc", "width", 2, true}}, {}});
  CHECK(dense.node(dense.find("fc")).shape.c == 10);
  const Graph shorter = edited(net, {{}, {"conv2"}});  // the sum reads the rectifier twice
  CHECK(shorter.size() == net.size() - 1);
  const auto& sum = shorter.node(shorter.find("sum"));
  CHECK(sum.inputs == std::vector<NodeId>{shorter.find("relu1"), shorter.find("relu1")});
  const Graph linear = edited(net, {{}, {"relu1", "conv2"}});
  const NodeId conv = linear.find("conv1");
  CHECK(linear.node(linear.find("sum")).inputs == std::vector<NodeId>{conv, conv});
  CHECK(edited(net, {{{"conv1", "width", 0.01, true}, {"conv2", "width", 0.01, true}}, {}})
            .node(1)
            .shape.c == 1);
}

TEST_CASE("net edits: what does not fit is said") {
  CHECK(kind_of({{{"conv9", "kernel", 3, false}}, {}}) == ErrorKind::kUsage);
  CHECK(kind_of({{{"conv1", "colour", 3, false}}, {}}) == ErrorKind::kUsage);
  CHECK(kind_of({{{"conv1", "kernel", 2.5, false}}, {}}) == ErrorKind::kUsage);
  CHECK(kind_of({{}, {"sum"}}) == ErrorKind::kUsage);  // two inputs
  CHECK(kind_of({{}, {"conv9"}}) == ErrorKind::kUsage);
  CHECK(kind_of({{{"conv1", "width", 2, true}}, {}}) ==
        ErrorKind::kShape);  // the sum's other input has 4
  CHECK_THROWS_AS((void)edited(small_net(), {{{"conv1", "stride", 0, false}}, {}}), Error);
}
