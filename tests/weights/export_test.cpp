// Exporters: what goes out comes back bit for bit.

#include <set>

#include "layers/batch_norm.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/flatten.h"
#include "layers/relu.h"
#include "tests/weights/import_support.h"
#include "tests/weights/scratch.h"
#include "weights/export/keras_hdf5.h"
#include "weights/export/safetensors.h"
#include "weights/zoo/zoo.h"

using namespace cutaway;
using namespace cutaway::weights;
using namespace cutaway::weights::testing;

namespace {

// Small ones of every kind: flattened maps, batch normalisation, residuals, '/' in names, LRN.
constexpr const char* kNets[] = {
    "lenet",           "cifar-resnet20", "squeezenet1.0-caffe", "squeezenet1.1-torchvision",
    "googlenet-caffe", "gap-small"};

Package initialized(const Graph& graph) {
  Model model(graph);
  model.parameters = Parameters::initialized(graph, 4);
  float next = 0;
  for (NodeId id = 0; id < graph.size(); ++id) {
    for (Tensor& t : model.parameters.of(id)) {
      if (t.shape().n == 1) {
        for (float& v : t.f32()) v = ++next;  // vectors would all be zeros and ones
      }
    }
  }
  return {std::move(model), {}, {}, {}};
}

}  // namespace

TEST_CASE("safetensors: out and in again") {
  const Scratch scratch;
  for (const char* name : kNets) {
    INFO(name);
    const Graph graph = build_zoo(name).graph;
    const Package package = initialized(graph);
    export_safetensors(package, scratch.path("w.safetensors"));
    const Imported back = imported_from({scratch.path("w.safetensors")}, &graph, name);
    CHECK(same_parameters(package.model, back.model));
    CHECK(back.report.format == "safetensors");
    const std::string once = read_file(scratch.path("w.safetensors"));
    export_safetensors(package, scratch.path("w.safetensors"));
    CHECK(once == read_file(scratch.path("w.safetensors")));
  }
  CHECK(scratch.files() == 1);
}

TEST_CASE("Keras' HDF5: out and in again, with flattened maps and normalisation") {
  const Scratch scratch;
  for (const char* name : kNets) {
    INFO(name);
    const Graph graph = build_zoo(name).graph;
    const Package package = initialized(graph);
    export_keras_hdf5(package, scratch.path("w.h5"));
    const Imported back = imported_from({scratch.path("w.h5")}, &graph, name);
    CHECK(back.report.format == "keras-hdf5");
    CHECK(same_parameters(package.model, back.model));
  }
  const Hdf5File file = Hdf5File::open(scratch.path("w.h5"));
  CHECK(file.has_attribute("/", "layer_names"));
  CHECK(file.describe("/conv1/conv1/kernel:0").dims == std::vector<std::int64_t>{3, 3, 3, 16});
}

TEST_CASE("names that collide are refused and nothing is left behind") {
  const Scratch scratch;
  Graph g(Shape{1, 3, 4, 4});
  const kernels::ConvGeometry one{1, 1, 1, 1, 0, 0, 1, 1, 1};
  g.add("a/b", std::make_shared<Conv>(3, one));
  g.add("a.b", std::make_shared<Conv>(3, one));
  g.add("a_b", std::make_shared<Conv>(3, one));
  const Package package = initialized(g);
  CHECK(has(message_of([&] { export_safetensors(package, scratch.path("w")); }), "a.b"));
  CHECK(has(message_of([&] { export_keras_hdf5(package, scratch.path("w")); }), "a_b"));
  CHECK(scratch.files() == 0);
}
