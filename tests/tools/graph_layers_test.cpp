#include "explain/graph/features/graph_layers.h"

#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "explain/graph/files/graph_file.h"
#include "runtime/error.h"
#include "tests/tools/run_support.h"
#include "tools/creatures/creatures.h"
#include "tools/datasets/creature_folder.h"
#include "weights/zoo/zoo.h"

using namespace cutaway;
using namespace cutaway::explain;
using namespace cutaway::tools;
namespace fs = std::filesystem;

namespace {

std::string layers_of(const char* net) {
  std::string text;
  for (const TapLayer& l : graph_layers(weights::build_zoo(net).graph, {}, {})) {
    text +=
        l.spec.name + ":" + std::to_string(l.spec.size) + ":" + std::to_string(l.spec.nodes) + " ";
  }
  return text;
}

/// A net of the zoo with random weights.
void make_net(const char* name, const std::string& path) {
  weights::ZooNet net = weights::build_zoo(name);
  Model model(std::move(net.graph));
  model.parameters = Parameters::initialized(model.graph, 1);
  weights::save({std::move(model), net.preprocess, {}, {}}, path);
}

}  // namespace

TEST_CASE("graph layers: what each net gets") {
  // Nodes a filter: density 0.05 from 24 cells a side, 0.1 from 12, 0.2 below.
  CHECK(layers_of("vgg16") == "conv4_2:28:40 conv4_3:28:40 conv5_2:14:20 conv5_3:14:20 ");
  CHECK(layers_of("googlenet-caffe") ==
        "inception_3b/output:28:40 inception_4e/output:14:20 inception_5b/output:7:10 ");
  CHECK(layers_of("googlenet-torchvision") ==
        "inception3b:28:40 inception4e:14:20 inception5b:7:10 ");
  CHECK(layers_of("resnet18") == "layer2.1.add:28:40 layer3.1.add:14:20 layer4.1.add:7:10 ");
  CHECK(layers_of("resnet50") == "layer2.3.add:28:40 layer3.5.add:14:20 layer4.2.add:7:10 ");
  CHECK(layers_of("squeezenet1.0-caffe") ==
        "fire7/concat:27:37 fire8/concat:27:37 fire9/concat:13:17 ");
  CHECK(layers_of("squeezenet1.1-torchvision") ==
        "fire4/concat:27:37 fire5/concat:27:37 fire8/concat:13:17 fire9/concat:13:17 ");
  CHECK(layers_of("alexnet-caffe") == "conv2:27:37 conv4:13:17 conv5:13:17 ");
  CHECK(layers_of("alexnet-torchvision") == "conv2:27:37 conv4:13:17 conv5:13:17 ");
  CHECK(layers_of("gap-small") == "conv3:24:29 conv5:12:15 conv6:12:15 ");
}

TEST_CASE("graph layers: one number of nodes is for all layers") {
  const Graph net = weights::build_zoo("vgg16").graph;
  const auto nodes_of = [&](const std::vector<std::int64_t>& nodes) {
    std::vector<std::int64_t> found;
    for (const TapLayer& l : graph_layers(net, {}, nodes)) found.push_back(l.spec.nodes);
    return found;
  };
  using Numbers = std::vector<std::int64_t>;
  CHECK(nodes_of({3}) == Numbers{3, 3, 3, 3});
  CHECK(nodes_of({3, 4}) == Numbers{3, 4, 20, 20});
  CHECK(nodes_of({3, 0, 5, 6}) == Numbers{3, 40, 5, 6});
  CHECK_THROWS_AS((void)nodes_of({1, 2, 3, 4, 5}), Error);
}

TEST_CASE("graph layers: graphs of large nets are learned without a word about layers") {
  const fs::path folder =
      fs::temp_directory_path() / ("cutaway-nets-" + std::to_string(::getpid()));
  fs::remove_all(folder);
  creatures::Options scene;
  scene.seed = 4;
  write_creatures((folder / "data").string(), scene, 0, 6, 2);
  for (const char* net :
       {"resnet18", "squeezenet1.1-torchvision", "alexnet-torchvision", "googlenet-caffe"}) {
    CAPTURE(net);
    const std::string model = (folder / "net.h5").string();
    const std::string out = (folder / "graph.h5").string();
    make_net(net, model);
    REQUIRE(test::run({"graph", "learn", model, "--data", (folder / "data").string(), "--min-area",
                       "0", "--out", out, "--iterations", "1", "--parents", "3", "--candidates",
                       "20", "--preset", "refined", "--overwrite"}) == kExitOk);
    const GraphPackage package = load_graph(out);
    std::string text;
    for (const auto& layer : package.graph.layers) {
      const auto& s = layer.spec;
      text += s.name + ":" + std::to_string(s.size) + ":" + std::to_string(s.nodes) + " ";
      CHECK(layer.count() == s.filters * s.nodes);
      CHECK(layer.parents == (&layer == &package.graph.layers.back() ? 0 : 3));
      for (const float mu : layer.mu_h) CHECK(std::isfinite(mu));
    }
    CHECK(text == layers_of(net));
    CHECK(package.graph.config.sigma_per_filter);
  }
  fs::remove_all(folder);
}
