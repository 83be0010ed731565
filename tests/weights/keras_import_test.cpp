// Keras' formats: whole models, archives, weights alone onto architectures, the layouts of old
// versions, refusals.

#include <algorithm>
#include <random>

#include "tests/support/source_dir.h"
#include "tests/weights/import_support.h"
#include "tests/weights/scratch.h"
#include "tests/weights/torch_support.h"
#include "weights/import/keras/keras_config.h"
#include "weights/import/keras/keras_names.h"
#include "weights/zoo/zoo.h"

using namespace cutaway;
using namespace cutaway::weights;
using namespace cutaway::weights::testing;

namespace {

const std::string kFixtures = source_dir() + "/tests/golden/keras/";

std::string refused(const std::string& json) {
  return message_of([&] { (void)keras_graph(json, "model"); });
}

std::string sequential(const std::string& layers) {
  return R"({"class_name": "Sequential", "config": {"layers": [{"class_name": "InputLayer", "config": {"name": "in", )"
         R"("batch_input_shape": [null, 8, 8, 3]}}, )" +
         layers + "]}}";
}

std::string layer(const std::string& type, const std::string& name, const std::string& more = "") {
  return R"({"class_name": ")" + type + R"(", "config": {"name": ")" + name + "\"" +
         (more.empty() ? "" : ", " + more) + "}}";
}

/// LeNet in Keras' layouts; kernels count up in their own order.
enum class Style { kKeras2, kOldNames, kKeras3, kOldest };

void write_lenet(const std::string& path, Style style) {
  struct Part {
    const char *name, *container;
    std::vector<std::int64_t> kernel;
    std::int64_t bias;
  };
  const std::vector<Part> parts{{"conv1", "conv2d", {5, 5, 1, 20}, 20},
                                {"conv2", "conv2d_1", {5, 5, 20, 50}, 50},
                                {"ip1", "dense", {800, 500}, 500},
                                {"ip2", "dense_1", {500, 10}, 10}};
  Hdf5File file = Hdf5File::create(path);
  if (style == Style::kKeras2 || style == Style::kOldNames)
    file.write_attribute("/", "layer_names", "conv1");
  if (style == Style::kOldest) file.write_attribute("/", "nb_layers", std::int64_t{9});
  int number = 0;
  for (const Part& part : parts) {
    const std::string name = part.name;
    std::string kernel = "/" + name + "/" + name + "/kernel:0";
    std::string bias = "/" + name + "/" + name + "/bias:0";
    std::vector<std::int64_t> extents = part.kernel;
    if (style == Style::kOldNames) {
      kernel = "/" + name + "/" + name + "_W_1:0";
      bias = "/" + name + "/" + name + "_b_1:0";
    } else if (style == Style::kKeras3) {
      kernel = "/layers/" + std::string(part.container) + "/vars/0";
      bias = "/layers/" + std::string(part.container) + "/vars/1";
    } else if (style == Style::kOldest) {
      number += number == 0 ? 0 : 2;  // padding and pooling layers count
      kernel = "/layer_" + std::to_string(number) + "/param_0";
      bias = "/layer_" + std::to_string(number) + "/param_1";
      if (extents.size() == 4) extents = {extents[3], extents[2], extents[0], extents[1]};
      if (number == 0) number = 1;
    }
    std::int64_t count = 1;
    for (const std::int64_t e : extents) count *= e;
    file.write_f32(kernel, extents, counting(count));
    file.write_f32(bias, std::vector<std::int64_t>{part.bias}, counting(part.bias));
  }
  file.close();
}

float weight_of(const Model& model, const char* node, std::initializer_list<std::int64_t> at) {
  const Tensor& w = model.parameters.of(model.graph.find(node))[0];
  const Shape& s = w.shape();
  const auto* i = at.begin();
  return w.f32()[static_cast<std::size_t>(((i[0] * s.c + i[1]) * s.h + i[2]) * s.w + i[3])];
}

}  // namespace

TEST_CASE("names of variables, of all versions") {
  const auto is = [](const std::string& path, const char* layer, const char* role) {
    const auto v = keras_variable(path);
    return v.has_value() && v->layer == layer && v->role == role;
  };
  CHECK(is("/model_weights/block1_conv1/block1_conv1/kernel:0", "block1_conv1", "kernel"));
  CHECK(is("/block1_conv1/block1_conv1_W_1:0", "block1_conv1", "kernel"));
  CHECK(is("/block1_conv1/block1_conv1_b_1:0", "block1_conv1", "bias"));
  CHECK(is("/model_weights/conv2d/sequential/conv2d/bias", "conv2d", "bias"));
  CHECK(is("/bn/bn/moving_variance:0", "bn", "moving_variance"));
  CHECK(is("/bn/bn_running_std:0", "bn", "moving_variance"));
  CHECK(is("/bn/bn/beta:0", "bn", "beta"));
  CHECK(is("/dw/dw/depthwise_kernel:0", "dw", "depthwise_kernel"));
  CHECK_FALSE(keras_variable("/kernel:0").has_value());
  CHECK_FALSE(keras_variable("/a/b/c").has_value());
  CHECK(keras3_containers({"conv2d", "dense", "conv2d"}) ==
        std::vector<std::string>{"conv2d", "dense", "conv2d_1"});
}

TEST_CASE(
    "weights alone land on an architecture, kernels and features turned as each version needs it") {
  const Scratch scratch;
  const Graph lenet = build_zoo("lenet").graph;
  for (const Style style : {Style::kKeras2, Style::kOldNames, Style::kKeras3}) {
    const std::string path = scratch.path(std::to_string(static_cast<int>(style)));
    write_lenet(path, style);
    INFO(path);
    const Imported imported = imported_from({path}, &lenet, "lenet");
    CHECK(imported.report.rows.size() == 8);
    // H x W x I x O: element (o, i, h, w) stands at ((5 h + w) I + i) O + o.
    CHECK(weight_of(imported.model, "conv2", {7, 3, 2, 4}) == ((5 * 2 + 4) * 20 + 3) * 50 + 7);
    // Features H, W, C of 4 x 4 x 50; I x O.
    CHECK(weight_of(imported.model, "ip1", {9, 16 * 6 + 4 * 1 + 2, 0, 0}) ==
          ((4 * 1 + 2) * 50 + 6) * 500 + 9);
    CHECK(weight_of(imported.model, "ip2", {3, 77, 0, 0}) == 77 * 10 + 3);
  }
  write_lenet(scratch.path("oldest"), Style::kOldest);
  const Imported imported = imported_from({scratch.path("oldest")}, &lenet, "lenet");
  // O x I x H x W, rotated by 180 degrees.
  CHECK(weight_of(imported.model, "conv2", {7, 3, 2, 4}) ==
        ((7 * 20 + 3) * 5 + (4 - 2)) * 5 + (4 - 4));
  // Theano flattened C, H, W.
  CHECK(weight_of(imported.model, "ip1", {9, 102, 0, 0}) == 102 * 500 + 9);
}

TEST_CASE("small models that Keras wrote, in every format, have the same weights") {
  for (const char* name : {"net", "sequential", "nested", "transfer"}) {
    INFO(name);
    const Imported whole = imported_from({kFixtures + name + ".h5"});
    const Imported archive = imported_from({kFixtures + name + ".keras"});
    CHECK(whole.report.format == "keras-hdf5");
    CHECK(archive.report.format == "keras");
    CHECK(same_parameters(whole.model, archive.model));
    CHECK(whole.model.graph.parameter_count() > 200);
    // The weights alone, onto the same graph: Keras 3's names are only counted.
    if (std::string(name) == "sequential") {
      const Imported alone =
          imported_from({kFixtures + name + ".weights.h5"}, &whole.model.graph, "sequential");
      CHECK(same_parameters(whole.model, alone.model));
    }
  }
}

TEST_CASE("models in models: names, containers, weights-only files") {
  const Imported nested = imported_from({kFixtures + "nested.h5"});
  const Graph& g = nested.model.graph;
  // Two layers are called conv_a; the others keep their names.
  for (const char* name : {"trunk/conv_a", "conv_a", "norm", "conv_b", "conv_b_relu", "pool",
                           "conv_c", "relu", "classes"})
    CHECK_NOTHROW((void)g.find(name));
  CHECK(g.node(0).shape == Shape{1, 3, 12, 10});
  CHECK(g.node(g.find("conv_b")).inputs == std::vector<NodeId>{g.find("norm")});
  CHECK(g.node(g.find("relu")).inputs == std::vector<NodeId>{g.find("conv_c")});
  // Keras 3 names no layers in weights-only files: containers in containers.
  const Source weights = open_source({kFixtures + "nested.weights.h5"});
  CHECK(std::any_of(weights.tensors.begin(), weights.tensors.end(), [](const SourceTensor& t) {
    return t.name == "/layers/functional/layers/sequential/layers/conv2d/vars/0";
  }));
  const std::string inner =
      R"({"class_name": "Functional", "name": "m", "config": {"name": "m", "layers": [
      {"class_name": "InputLayer", "name": "i", "config": {"name": "i", "batch_input_shape": [null, 4, 4, 3]}, "inbound_nodes": []},
      {"class_name": "ReLU", "name": "r", "config": {"name": "r"}, "inbound_nodes": [[["i", 0, 0, {}]]]}],
      "input_layers": [["i", 0, 0]], "output_layers": [["r", 0, 0]]})";
  const auto outer = [&](const std::string& model, const std::string& outputs) {
    return R"({"class_name": "Functional", "config": {"layers": [
      {"class_name": "InputLayer", "name": "x", "config": {"name": "x", "batch_input_shape": [null, 4, 4, 3]}, "inbound_nodes": []},
      )" + model +
           R"(, {"class_name": "ReLU", "name": "r", "config": {"name": "r"}, "inbound_nodes": [[["m", 0, 0, {}]]]}],
      "input_layers": [["x", 0, 0]], "output_layers": )" +
           outputs + "}}";
  };
  const KerasGraph twice = keras_graph(
      outer(inner + R"(, "inbound_nodes": [[["x", 0, 0, {}]]]})", R"([["r", 0, 0]])"), "model");
  CHECK(twice.graph.size() == 3);
  CHECK(twice.graph.node(1).name == "m/r");
  CHECK(twice.graph.node(2).name == "r");
  CHECK(has(refused(outer(inner + R"(, "inbound_nodes": [[["x", 0, 0, {}]]]})",
                          R"([["r", 0, 0], ["m", 0, 0]])")),
            "several outputs: r, m"));
  CHECK(has(refused(outer(inner + R"(, "inbound_nodes": [[["x", 0, 0, {}], ["x", 0, 0, {}]]]})",
                          R"([["r", 0, 0]])")),
            "keras.Model(model.inputs[0]"));
  CHECK(
      has(refused(outer(inner + R"(, "inbound_nodes": [[["m", 0, 0, {}]]]})", R"([["r", 0, 0]])")),
          "circle"));
}

TEST_CASE("archives of Keras that are refused") {
  const Scratch scratch;
  const auto refused_archive =
      [&](const std::vector<std::pair<std::string, std::string>>& members) {
        write_file(scratch.path("a.keras"), zip_of(members));
        return message_of([&] { (void)open_source({scratch.path("a.keras")}); });
      };
  const std::string config = sequential(layer("Dense", "d", R"("units": 5)"));
  CHECK(has(refused_archive({{"metadata.json", "{}"}}), "no config.json"));
  CHECK(has(refused_archive({{"config.json", sequential(layer("ReLU", "r"))}}),
            "no model.weights.h5"));
  CHECK(has(refused_archive({{"config.json", "{}"}, {"../evil", "x"}}), "not a relative path"));
  CHECK(has(refused_archive({{"config.json", "{}"}, {"/etc/evil", "x"}}), "not a relative path"));
  CHECK(has(refused_archive({{"config.json", std::string(200'000, '[')}}), "nested too deeply"));
  CHECK_FALSE(refused_archive({{"config.json", sequential(layer("ReLU", "r"))},
                               {"model.weights.h5", "not HDF5"}})
                  .empty());
  std::string packed = zip_of({{"config.json", config}});
  packed[8] = 8;  // deflated, in both records
  packed[packed.rfind("PK\x01\x02") + 10] = 8;
  write_file(scratch.path("a.keras"), packed);
  CHECK(has(message_of([&] { (void)open_source({scratch.path("a.keras")}); }), "compressed"));
}

TEST_CASE("\"same\" padding as TensorFlow has it") {
  const auto shape = [](const std::string& more, const char* node) {
    const KerasGraph k =
        keras_graph(sequential(layer("Conv2D", "c", R"("filters": 2, )" + more)), "model");
    return std::pair{k.graph.node(k.graph.find(node)).shape, k.graph.size()};
  };
  CHECK(shape(R"("kernel_size": [3, 3], "padding": "same")", "c") ==
        std::pair{Shape{1, 2, 8, 8}, NodeId{2}});
  // 8 with kernel 3 and stride 2: one row below only.
  CHECK(shape(R"("kernel_size": [3, 3], "strides": [2, 2], "padding": "same")", "c_pad").first ==
        Shape{1, 3, 9, 9});
  CHECK(shape(R"("kernel_size": 2, "padding": "same")", "c_pad").first == Shape{1, 3, 9, 9});
  const KerasGraph pool =
      keras_graph(sequential(layer("MaxPooling2D", "p",
                                   R"("pool_size": [3, 3], "strides": [2, 2], "padding": "same")")),
                  "model");
  CHECK(pool.graph.node(pool.graph.last()).shape == Shape{1, 3, 4, 4});
}

TEST_CASE("\"same\" max pooling of stride 1: the far edge is one row and column of windows more") {
  const KerasGraph keras = keras_graph(
      sequential(layer("MaxPooling2D", "p", R"("pool_size": 2, "strides": 1, "padding": "same")")),
      "model");
  const Model model(keras.graph, Parameters::zeroed(keras.graph));
  PlanRequest request;
  request.taps = {model.graph.find("p")};
  Executor executor(model, request, CpuStream(1));
  Tensor x = zeros(model.graph.node(0).shape);
  for (std::size_t i = 0; i < x.f32().size(); ++i)
    x.f32()[i] = -1.0f - static_cast<float>(i * 37 % 64);  // below zero, where zeros would win
  executor.set_input(x);
  executor.forward();
  const Tensor y = executor.read(executor.value(request.taps[0]));
  REQUIRE(y.shape() == Shape{1, 3, 8, 8});
  const auto from = x.ref().in(), to = y.ref().in();
  std::size_t wrong = 0;
  for (std::int64_t c = 0; c < 3; ++c) {
    for (std::int64_t h = 0; h < 8; ++h) {
      for (std::int64_t w = 0; w < 8; ++w) {
        float most = -1e30f;
        for (const std::int64_t i : {h, std::min<std::int64_t>(h + 1, 7)}) {
          for (const std::int64_t j : {w, std::min<std::int64_t>(w + 1, 7)})
            most = std::max(most, from.at(0, c, i, j));
        }
        if (to.at(0, c, h, w) != most) ++wrong;
      }
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("\"same\" average pooling with an odd pixel behind: means of fewer values at the edge") {
  const KerasGraph k =
      keras_graph(sequential(layer("AveragePooling2D", "p",
                                   R"("pool_size": 2, "strides": 1, "padding": "same")")),
                  "model");
  CHECK(k.graph.node(k.graph.find("p")).shape == Shape{1, 3, 8, 8});
  REQUIRE(k.weights.size() == 1);
  const std::vector<float>& factors = k.weights[0].values;
  REQUIRE(factors.size() == 64);
  CHECK(factors[0] == 1.0F);          // 4 of 4
  CHECK(factors[7] == 2.0F);          // the last column has 2
  CHECK(factors[7 * 8 + 7] == 4.0F);  // the corner 1
}

TEST_CASE("rectifiers of all kinds") {
  const KerasGraph k = keras_graph(
      sequential(layer("LeakyReLU", "l") + ", " + layer("ReLU", "six", R"("max_value": 6.0)") +
                 ", " +
                 layer("Conv2D", "c", R"("filters": 2, "kernel_size": 1, "activation": "relu6")")),
      "model");
  CHECK(k.graph.node(k.graph.find("l")).layer->attributes().number("slope", 0) == 0.3);
  CHECK(k.graph.node(k.graph.find("six")).layer->type() == "clip");
  CHECK(k.graph.node(k.graph.find("c_relu6")).layer->attributes().number("high", 0) == 6.0);
}

TEST_CASE("channels_first, Keras 2's functional form, and unused branches") {
  const std::string json = R"({"class_name": "Model", "config": {"name": "m", "layers": [
    {"class_name": "Dense", "name": "d", "config": {"name": "d", "units": 2, "activation": "softmax"}, "inbound_nodes": [[["f", 0, 0, {}]]]},
    {"class_name": "InputLayer", "name": "in", "config": {"name": "in", "batch_input_shape": [null, 3, 8, 6]}, "inbound_nodes": []},
    {"class_name": "Conv2D", "name": "c", "config": {"name": "c", "filters": 4, "kernel_size": [3, 3], "data_format": "channels_first"}, "inbound_nodes": [[["in", 0, 0, {}]]]},
    {"class_name": "Conv2D", "name": "unused", "config": {"name": "unused", "filters": 4, "kernel_size": [3, 3]}, "inbound_nodes": [[["in", 0, 0, {}]]]},
    {"class_name": "Flatten", "name": "f", "config": {"name": "f", "data_format": "FORMAT"}, "inbound_nodes": [[["c", 0, 0, {}]]]}],
    "input_layers": [["in", 0, 0]], "output_layers": [["d", 0, 0]]}})";
  const auto with = [&](const char* format) {
    std::string text = json;
    text.replace(text.find("FORMAT"), 6, format);
    return keras_graph(text, "model");
  };
  const KerasGraph first = with("channels_first");
  CHECK(first.graph.node(0).shape == Shape{1, 3, 8, 6});
  CHECK(first.graph.node(first.graph.last()).name == "d_softmax");
  CHECK(first.graph.size() == 5);
  REQUIRE(first.weights.size() == 4);
  // Keras' Flatten moves the channels last when it knows that they are first.
  CHECK(first.weights[2].transform.hwc == std::array<std::int64_t, 3>{6, 4, 4});
  CHECK(with("channels_last").weights[2].transform.hwc == std::array<std::int64_t, 3>{});
}

TEST_CASE("everything unsupported is told at once; nonsense is refused") {
  const std::string message = refused(sequential(
      layer("ConvLSTM2D", "t") + ", " + layer("Activation", "a", R"("activation": "exponential")") +
      ", " + layer("LeakyReLU", "l") + ", " + layer("ReLU", "r", R"("threshold": 0.5)") + ", " +
      layer("UpSampling2D", "u", R"("interpolation": "bicubic")")));
  CHECK(has(message, "t (ConvLSTM2D): this class of layer is not supported"));
  CHECK(has(message, "a (Activation): activation exponential"));
  CHECK(has(message, "r (ReLU): ReLU with a threshold"));
  CHECK(has(message, "u (UpSampling2D): interpolation bicubic"));
  CHECK(has(refused("{"), "not valid JSON"));
  CHECK(has(refused("[]"), "no model's configuration"));
  CHECK(
      has(refused(R"({"class_name": "Sequential", "config": {"layers": []}})"), "without layers"));
  CHECK(has(refused(R"({"class_name": "Sequential", "config": {"layers": [1]}})"),
            "without configuration"));
  CHECK(has(refused(sequential(layer("ReLU", "r") + ", " + layer("ReLU", "r"))), "two layers 'r'"));
  CHECK(has(refused(std::string(100'000, '[')), "nested too deeply"));
  CHECK(has(refused(R"({"class_name": "Model", "config": {"layers": [
      {"class_name": "ReLU", "name": "a", "config": {"name": "a"}, "inbound_nodes": [[["b", 0, 0, {}]]]},
      {"class_name": "ReLU", "name": "b", "config": {"name": "b"}, "inbound_nodes": [[["a", 0, 0, {}]]]}],
      "output_layers": [["a", 0, 0]]}})"),
            "circle"));
  CHECK(has(refused(R"({"class_name": "Sequential", "config": {"layers": [
      {"class_name": "InputLayer", "config": {"name": "i", "batch_input_shape": [null, null, null, 3]}}]}})"),
            "fixed input size"));
  CHECK_FALSE(refused(sequential(layer("Conv2D", "c",
                                       R"("filters": -4, "kernel_size": [3, 900000000000])")))
                  .empty());
  CHECK_FALSE(
      refused(sequential(layer("Conv2D", "c", R"("filters": 4, "kernel_size": [9, 9])"))).empty());
}

TEST_CASE("damaged configurations, archives and files end in an error or a net") {
  const Scratch scratch;
  const std::string config = sequential(
      layer("Conv2D", "c", R"("filters": 4, "kernel_size": [3, 3], "activation": "relu")") + ", " +
      layer("Flatten", "f") + ", " + layer("Dense", "d", R"("units": 5)"));
  std::mt19937 random(3);
  int refused_configurations = 0;
  for (int i = 0; i < 400; ++i) {
    std::string bad = config;
    for (int flips = 1 + i % 3; flips > 0; --flips)
      bad[random() % bad.size()] = static_cast<char>(32 + random() % 95);
    try {
      (void)keras_graph(bad, "bad");
    } catch (const Error&) {
      ++refused_configurations;
    }
  }
  CHECK(refused_configurations > 100);
  const std::string good = read_file(kFixtures + "sequential.keras");
  for (int i = 0; i < 24; ++i) {
    std::string bad = good;
    for (int flips = 1 + i % 3; flips > 0; --flips)
      bad[random() % bad.size()] = static_cast<char>(random() & 255U);
    if (i % 6 == 5) bad.resize(random() % bad.size());
    write_file(scratch.path("bad.keras"), bad);
    try {
      (void)imported_from({scratch.path("bad.keras")});
    } catch (const Error&) {
      continue;  // nearly always: the archive has checksums
    }
    MESSAGE("flip " << i << " changed nothing that is read");
  }
}
