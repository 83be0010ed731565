// Relevance maps against zennit's (tests/golden/make_lrp_bundle.py).

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "explain/pictures/preprocess.h"
#include "explain/pictures/read_image.h"
#include "explain/session.h"
#include "layers/add.h"
#include "layers/batch_norm.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/flatten.h"
#include "layers/global_pool.h"
#include "layers/max_pool.h"
#include "layers/relu.h"
#include "tests/support/agreement.h"
#include "tests/support/shared_data.h"
#include "tests/support/source_dir.h"
#include "tests/support/warped_pictures.h"
#include "weights/hdf5_file.h"
#include "weights/import/formats.h"
#include "weights/import/importer.h"
#include "weights/zoo/zoo.h"

using namespace cutaway;

namespace {

weights::Hdf5File bundle() {
  return weights::Hdf5File::open(source_dir() + "/tests/golden/lrp.h5");
}

using tests::Agreement;

Agreement agreement(const weights::Hdf5File& file, const std::string& dataset, const Tensor& map) {
  return tests::agreement(map.f32(), file.read_f32(dataset, 1000000),
                          file.read_attribute_number(dataset, "scale"));
}

/// `name` of a dataset: a composite, or "captum", whose default is LRP-0 with a smaller stabiliser.
explain::MethodPtr lrp(const std::string& name, const std::string& low, const std::string& high) {
  const std::string composite = name == "captum" ? "zero" : name;
  Attributes options{{"composite", composite}, {"low", low}, {"high", high}};
  if (composite == "epsilon") options.set("epsilon", 0.1);
  if (composite == "gamma") options.set("gamma", 0.5);
  return explain::make_method("lrp", options);
}

/// A graph whose parameters are named as in PyTorch: "4" or "4/conv1", under `group`.
class Reader {
 public:
  Reader(const weights::Hdf5File& file, std::string group)
      : file_(file), group_(std::move(group)) {}

  void read(Model& m, NodeId id) const {
    const Node& node = m.graph.node(id);
    const bool norm = node.layer->kind() == LayerKind::kBatchNorm;
    const std::vector<std::string> names =
        norm ? std::vector<std::string>{"weight", "bias", "running_mean", "running_var"}
             : std::vector<std::string>{"weight", "bias"};
    const std::span<Tensor> tensors = m.parameters.of(id);
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const auto values =
          file_.read_f32(group_ + "/parameters/" + node.name + "/" + names[i], 100000);
      REQUIRE(values.size() == tensors[i].f32().size());
      std::ranges::copy(values, tensors[i].f32().begin());
    }
  }

 private:
  const weights::Hdf5File& file_;
  std::string group_;
};

kernels::ConvGeometry square(std::int32_t kernel, std::int32_t stride, std::int32_t pad) {
  return {kernel, kernel, stride, stride, pad, pad, 1, 1, 1};
}

Graph small_vgg() {
  Graph g({1, 3, 24, 24});
  int at = 0;
  const auto next = [&] { return std::to_string(at++); };
  const auto conv = [&](std::int64_t c) {
    g.add(next(), std::make_shared<Conv>(c, square(3, 1, 1)));
    g.add(next(), std::make_shared<Relu>());
  };
  const auto pool = [&] {
    g.add(next(), std::make_shared<MaxPool>(kernels::PoolGeometry{2, 2, 2, 2, 0, 0}, false));
  };
  conv(8);
  conv(8);
  pool();
  conv(12);
  conv(16);
  pool();
  conv(16);
  pool();
  conv(20);
  g.add(next(), std::make_shared<Flatten>());
  g.add(next(), std::make_shared<Dense>(24));
  g.add(next(), std::make_shared<Relu>());
  g.add(next(), std::make_shared<Dense>(5));
  return g;
}

NodeId residual_block(
    Graph& g, const std::string& name, std::int64_t channels, std::int32_t stride, bool down) {
  const NodeId from = g.last();
  const auto conv_norm = [&](const std::string& conv, const std::string& norm, std::int32_t kernel,
                             std::int32_t s) {
    const std::int32_t pad = kernel / 2;
    g.add(name + "/" + conv, std::make_shared<Conv>(channels, square(kernel, s, pad), false));
    return g.add(name + "/" + norm, std::make_shared<BatchNorm>());
  };
  conv_norm("conv1", "bn1", 3, stride);
  g.add(name + "/relu1", std::make_shared<Relu>());
  const NodeId main = conv_norm("conv2", "bn2", 3, 1);
  NodeId side = from;
  if (down) {
    g.add(name + "/down/0", std::make_shared<Conv>(channels, square(1, stride, 0), false), {from});
    side = g.add(name + "/down/1", std::make_shared<BatchNorm>());
  }
  g.add(name + "/sum", std::make_shared<Add>(), {side, main});
  return g.add(name + "/relu2", std::make_shared<Relu>());
}

Graph small_resnet() {
  Graph g({1, 3, 26, 26});
  g.add("0", std::make_shared<Conv>(8, square(5, 2, 2), false));
  g.add("1", std::make_shared<BatchNorm>());
  g.add("2", std::make_shared<Relu>());
  g.add("3", std::make_shared<MaxPool>(kernels::PoolGeometry{3, 3, 2, 2, 1, 1}, false));
  residual_block(g, "4", 8, 1, false);
  residual_block(g, "5", 16, 2, true);
  g.add("6", std::make_shared<GlobalAveragePool>());
  g.add("8", std::make_shared<Dense>(5));
  return g;
}

void check_small(const std::string& name, Graph graph, const std::vector<std::string>& composites) {
  const weights::Hdf5File file = bundle();
  Model m(std::move(graph));
  m.parameters = Parameters::zeroed(m.graph);
  const Reader reader(file, "/" + name);
  for (NodeId id = 1; id < m.graph.size(); ++id) reader.read(m, id);
  const Tensor x = tensor_of(m.graph.node(0).shape, file.read_f32("/" + name + "/x", 10000));
  const std::string low = std::to_string(file.read_attribute_number("/" + name, "low"));
  const std::string high = std::to_string(file.read_attribute_number("/" + name, "high"));
  std::vector<explain::MethodPtr> methods;
  for (const std::string& composite : composites) methods.push_back(lrp(composite, low, high));
  explain::Session session(m, std::move(methods), x.shape(), CpuStream(1));
  const Tensor& logits = session.forward(x.clone());
  CHECK(tests::agreement(logits.f32(), file.read_f32("/" + name + "/logits", 10), 1.0).largest <=
        1e-5);
  const auto maps = session.explain({file.read_attribute_integer("/" + name, "class")});
  for (std::size_t i = 0; i < maps.size(); ++i) {
    const Agreement a = agreement(file, "/" + name + "/" + composites[i], maps[i].map);
    MESSAGE(name << " " << composites[i] << ": cosine " << a.cosine << ", largest difference "
                 << a.largest);
    // The stored maps are rounded to 1/4094 of their largest value.
    CHECK(a.cosine >= 0.99999);
    CHECK(a.largest <= 1e-3);
  }
}

/// Every step-th row and column.
std::vector<float> thinned(const Tensor& map, std::int64_t step) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < map.shape().h; i += step) {
    for (std::int64_t j = 0; j < map.shape().w; j += step) {
      values.push_back(map.f32()[static_cast<std::size_t>(i * map.shape().w + j)]);
    }
  }
  return values;
}

void check_photographs(const char* name, const char* architecture, const char* weights_file) {
  const std::string data = tests::shared_data();
  if (data.empty()) return;
  const weights::ZooNet zoo = weights::build_zoo(architecture);
  const weights::Source source = weights::open_source({data + "/models/" + weights_file});
  const weights::Imported imported =
      weights::import_weights(source, zoo.graph, source.bind(zoo.graph, architecture));
  const weights::Hdf5File file = bundle();
  const std::string root = "/" + std::string(name);
  const std::vector<std::string> composites{"epsilon_gamma_box", "epsilon_plus",
                                            "epsilon_plus_flat", "epsilon_alpha2_beta1"};
  std::vector<explain::MethodPtr> methods;
  for (const std::string& c : composites)
    methods.push_back(lrp(c, file.read_attribute_text(root, "low", 100),
                          file.read_attribute_text(root, "high", 100)));
  explain::Session session(imported.model, std::move(methods), imported.model.graph.node(0).shape,
                           make_stream(kCpuDevice));
  for (int i = 0; i < 3; ++i) {
    const std::string group = root + "/image" + std::to_string(i);
    const std::string picture = file.read_attribute_text(group, "file", 256);
    (void)session.forward(
        explain::preprocess(explain::read_image(data + "/images/imagenet_val/images/" + picture),
                            tests::for_warped_pictures(zoo.preprocess)));
    const auto maps = session.explain({file.read_attribute_integer(group, "class")});
    for (std::size_t k = 0; k < (i == 0 ? composites.size() : 2); ++k) {
      const std::string dataset = group + "/" + composites[k];
      const Agreement a = tests::agreement(
          thinned(maps[k].map, file.read_attribute_integer(dataset, "step")),
          file.read_f32(dataset, 1000000), file.read_attribute_number(dataset, "scale"));
      MESSAGE(std::string(name) << " " << picture << " " << composites[k] << ": cosine " << a.cosine
                                << ", largest difference " << a.largest << "; "
                                << maps[k].notes[0]);
      CHECK(a.cosine >= 0.999);
    }
  }
}

}  // namespace

TEST_CASE("LRP agrees with zennit, and with the tutorial's recipe, on a small VGG") {
  check_small("small_vgg", small_vgg(),
              {"epsilon_gamma_box", "epsilon_plus", "epsilon_plus_flat", "epsilon_alpha2_beta1",
               "epsilon_alpha2_beta1_flat", "epsilon", "gamma", "zplus", "wsquare", "flat",
               "vgg_tutorial", "captum"});
}

TEST_CASE("LRP agrees with zennit on a small ResNet whose normalisations are merged") {
  check_small("small_resnet", small_resnet(),
              {"epsilon_gamma_box", "epsilon_plus", "epsilon_plus_flat", "epsilon_alpha2_beta1",
               "epsilon_alpha2_beta1_flat", "epsilon", "gamma", "zplus", "wsquare", "flat"});
}

TEST_CASE("LRP agrees with zennit on GoogLeNet") {
  check_photographs("googlenet", "googlenet-caffe", "bvlc_googlenet/weights.caffe.h5");
}

TEST_CASE("LRP agrees with zennit on SqueezeNet") {
  check_photographs("squeezenet", "squeezenet1.0-caffe", "squeezenet_v1.0/weights.caffe.h5");
}

TEST_CASE("LRP agrees with zennit on ResNet-18 with its normalisations") {
  check_photographs("resnet18", "resnet18", "resnet18/model.safetensors");
}
