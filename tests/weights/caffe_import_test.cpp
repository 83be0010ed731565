// Caffe's prototxt and .caffemodel: graphs of old and new files, training files, batch
// normalisation, refusals.

#include <random>

#include "layers/average_pool.h"
#include "tests/weights/import_support.h"
#include "tests/weights/scratch.h"
#include "weights/import/caffe/caffe_graph.h"
#include "weights/import/caffe/caffe_model.h"
#include "weights/zoo/zoo.h"

using namespace cutaway;
using namespace cutaway::weights;
using namespace cutaway::weights::testing;

namespace {

CaffeGraph graph_of(const std::string& text) {
  return caffe_graph(TextMessage::parse(text, "net.prototxt"), "net.prototxt");
}

std::string layer(const std::string& name,
                  const std::string& type,
                  const std::string& bottom,
                  const std::string& top,
                  const std::string& more = "") {
  return "layer { name: '" + name + "' type: '" + type + "' bottom: '" + bottom + "' top: '" + top +
         "' " + more + " }\n";
}

const std::string kInput = "input: 'data' input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8\n";
const std::string kConv = "convolution_param { num_output: 4 kernel_size: 3 }";

std::string refused(const std::string& text) {
  return message_of([&] { (void)graph_of(text); });
}

/// A layer entry of a .caffemodel with blobs of these extents, counting up.
Wire v2_layer(const std::string& name,
              const std::vector<std::vector<std::int64_t>>& blobs,
              float first) {
  Wire entry;
  entry.bytes(1, name).bytes(2, "Any");
  for (const auto& extents : blobs) {
    std::int64_t count = 1;
    for (const std::int64_t e : extents) count *= e;
    entry.message(7,
                  Wire().message(7, Wire().packed(1, extents)).floats(5, counting(count, first)));
  }
  return entry;
}

Wire v1_layer(const std::string& name,
              const std::vector<std::vector<std::int64_t>>& blobs,
              float first) {
  Wire entry;
  entry.bytes(2, "bottom").bytes(4, name).varint(5, 4);
  for (const auto& e : blobs) {
    Wire blob;
    for (std::uint32_t i = 0; i < 4; ++i) blob.varint(i + 1, static_cast<std::uint64_t>(e[i]));
    entry.message(6, blob.floats(5, counting(e[0] * e[1] * e[2] * e[3], first)));
  }
  return entry;
}

std::string small_net() {
  return kInput + layer("conv", "Convolution", "data", "conv", kConv) +
         layer("relu", "ReLU", "conv", "conv") +
         layer("fc", "InnerProduct", "conv", "fc", "inner_product_param { num_output: 5 }") +
         layer("prob", "Softmax", "fc", "prob");
}

}  // namespace

TEST_CASE("prototxt: in place layers, Split, flattening, aliases") {
  const Graph g =
      graph_of(kInput + layer("conv", "Convolution", "data", "conv", kConv) +
               layer("relu", "ReLU", "conv", "conv") +
               "layer { name: 'split' type: 'Split' bottom: 'conv' top: 'a' top: 'b' }" +
               "layer { name: 'sum' type: 'Eltwise' bottom: 'a' bottom: 'b' top: 'sum' }" +
               layer("fc", "InnerProduct", "sum", "fc", "inner_product_param { num_output: 5 }"))
          .graph;
  CHECK(g.node(g.find("relu")).inputs[0] == g.find("conv"));
  CHECK(g.node(g.find("sum")).inputs == std::vector<NodeId>{g.find("relu"), g.find("relu")});
  CHECK(g.node(g.find("fc")).inputs[0] == g.find("fc_flatten"));
  CHECK(g.find("data") == 0);
  CHECK(g.node(g.last()).shape == Shape{1, 5, 1, 1});
}

TEST_CASE("prototxt: rectifiers of all kinds") {
  const Graph g =
      graph_of(kInput + layer("a", "ReLU", "data", "a", "relu_param { negative_slope: 0.25 }") +
               layer("b", "ReLU6", "a", "b"))
          .graph;
  CHECK(g.node(g.find("a")).layer->attributes().number("slope", 0) == 0.25);
  CHECK(g.node(g.find("b")).layer->type() == "clip");
}

TEST_CASE("prototxt: V1 layers and input_shape") {
  const Graph g =
      graph_of(
          "input: 'data' input_shape { dim: 10 dim: 3 dim: 8 dim: 8 }\n"
          "layers { name: 'c' type: CONVOLUTION bottom: 'data' top: 'c' blobs_lr: 1 weight_decay: "
          "0\n"
          " convolution_param { num_output: 4 kernel_size: 3 stride: 2 pad: 1 group: 1 } }\n"
          "layers { name: 'p' type: POOLING bottom: 'c' top: 'p' pooling_param { pool: AVE "
          "kernel_size: 3 stride: 2 } }\n"
          "layers { name: 's' type: SOFTMAX bottom: 'p' top: 's' }")
          .graph;
  CHECK(g.node(g.find("c")).shape == Shape{1, 4, 4, 4});
  CHECK(g.node(g.find("p")).shape == Shape{1, 4, 2, 2});  // rounded up
  CHECK(has(refused("layers { layer { name: 'c' type: 'conv' } }"), "V0"));
}

TEST_CASE("prototxt: training files give the net of the TEST phase without its heads") {
  const CaffeGraph net = graph_of(
      "layer { name: 'd' type: 'Data' top: 'data' top: 'label' include { phase: TRAIN } "
      "transform_param { crop_size: 99 } }\n"
      "layer { name: 'd2' type: 'Data' top: 'data' top: 'label' include { phase: TEST }\n"
      "  transform_param { crop_size: 8 mean_value: 104 mean_value: 117 mean_value: 123 scale: 0.5 "
      "} }\n" +
      layer("conv", "Convolution", "data", "conv", kConv) +
      layer("aux", "InnerProduct", "conv", "aux", "inner_product_param { num_output: 5 }") +
      "layer { name: 'aux_loss' type: 'SoftmaxWithLoss' bottom: 'aux' bottom: 'label' top: 'l1' }" +
      layer("fc", "InnerProduct", "conv", "fc", "inner_product_param { num_output: 5 }") +
      "layer { name: 'loss' type: 'SoftmaxWithLoss' bottom: 'fc' bottom: 'label' top: 'l2' }" +
      "layer { name: 'accuracy' type: 'Accuracy' bottom: 'fc' bottom: 'label' top: 'acc' include { "
      "phase: TEST } }");
  CHECK(net.graph.node(0).shape == Shape{1, 3, 8, 8});
  CHECK(net.graph.node(net.graph.last()).name == "loss");
  CHECK(net.graph.node(net.graph.last()).layer->type() == "softmax");
  CHECK(net.left_out == std::vector<std::string>{"accuracy", "aux", "aux_loss"});
  REQUIRE(net.preprocess.has_value());
  CHECK(net.preprocess->order == ColorOrder::kBgr);
  CHECK(net.preprocess->scale == 0.5f);
  CHECK(net.preprocess->mean[0] == 52.0f);  // Caffe scales after the mean
  CHECK(net.preprocess->crop_width == 8);
}

TEST_CASE("prototxt: everything unsupported is told at once, with name, type and line") {
  const std::string message =
      refused(kInput + layer("a", "SPP", "data", "a") +
              layer("b", "ReLU", "a", "b", "relu_param { negative_slope: 5 unknown: 3 }") +
              layer("c", "Pooling", "b", "c", "pooling_param { pool: STOCHASTIC kernel_size: 2 }") +
              layer("d", "LRN", "c", "d", "lrn_param { norm_region: WITHIN_CHANNEL }") +
              layer("e", "Eltwise", "d", "e", "eltwise_param { operation: SUM coeff: 2 }"));
  CHECK(has(message, "a (SPP, line 2)"));
  CHECK(has(message, "relu_param.unknown"));
  CHECK(has(message, "c (Pooling, line 4): pooling of kind STOCHASTIC"));
  CHECK(has(message, "LRN within channels"));
  CHECK(has(message, "Eltwise with coefficients"));
  CHECK(has(refused(kInput + layer("a", "ReLU", "nowhere", "a")), "blob 'nowhere'"));
  CHECK(has(refused(layer("a", "ReLU", "data", "a")), "how large the input is"));
  CHECK(has(refused("name: 'x'"), "no layers"));
  CHECK(has(refused(kInput + layer("a", "Convolution", "data", "a",
                                   "convolution_param { num_output: 4 kernel_size: 30 }")),
            "net.prototxt:2"));
  CHECK(has(refused(kInput + layer("a", "ReLU", "data", "a") + layer("a", "ReLU", "a", "b")), "a"));
}

TEST_CASE("a prototxt and its .caffemodel, in either order") {
  const Scratch scratch;
  write_file(scratch.path("net.prototxt"), small_net());
  const Wire model = Wire()
                         .bytes(1, "small")
                         .message(100, v2_layer("conv", {{4, 3, 3, 3}, {4}}, 1))
                         .message(100, v2_layer("fc", {{5, 144}, {5}}, 2));
  write_file(scratch.path("net.caffemodel"), model.text());
  for (const bool swapped : {false, true}) {
    std::vector<std::string> files{scratch.path("net.prototxt"), scratch.path("net.caffemodel")};
    if (swapped) std::swap(files[0], files[1]);
    const Imported imported = imported_from(files);
    const Graph& g = imported.model.graph;
    CHECK(imported.report.rows.size() == 4);
    CHECK(imported.model.parameters.of(g.find("conv"))[0].f32()[5] == 6.0f);
    CHECK(imported.model.parameters.of(g.find("fc"))[0].f32()[145] == 147.0f);
    CHECK(imported.model.parameters.of(g.find("fc"))[1].f32()[4] == 6.0f);
  }
}

TEST_CASE(".caffemodel: V1 blobs, onto an architecture by its names") {
  const Scratch scratch;
  const Wire model = Wire()
                         .bytes(1, "LeNet")
                         .message(2, v1_layer("conv1", {{20, 1, 5, 5}, {1, 1, 1, 20}}, 0))
                         .message(2, v1_layer("conv2", {{50, 20, 5, 5}, {1, 1, 1, 50}}, 0))
                         .message(2, v1_layer("ip1", {{1, 1, 500, 800}, {1, 1, 1, 500}}, 0))
                         .message(2, v1_layer("ip2", {{1, 1, 10, 500}, {1, 1, 1, 10}}, 0));
  write_file(scratch.path("lenet.caffemodel"), model.text());
  const Graph lenet = build_zoo("lenet").graph;
  const Imported imported = imported_from({scratch.path("lenet.caffemodel")}, &lenet, "lenet");
  CHECK(imported.report.rows.size() == 8);
  CHECK(imported.model.parameters.of(lenet.find("ip1"))[0].f32()[801] == 801.0f);
}

TEST_CASE("Scale is merged into the BatchNorm before it only when nobody else sees that") {
  const auto kinds = [](const std::string& text) {
    const CaffeGraph net = graph_of(text);
    std::size_t norms = 0;
    for (const Node& node : net.graph.nodes()) {
      if (node.layer && node.layer->kind() == LayerKind::kBatchNorm) ++norms;
    }
    return norms;
  };
  const std::string conv = kInput + layer("c", "Convolution", "data", "c", kConv);
  const std::string bias = "scale_param { bias_term: true }";
  // In place, and into a blob of its own.
  CHECK(kinds(conv + layer("b", "BatchNorm", "c", "c") + layer("s", "Scale", "c", "c", bias)) == 1);
  CHECK(kinds(conv + layer("b", "BatchNorm", "c", "b") + layer("s", "Scale", "b", "s", bias)) == 1);
  // Two Scales on one BatchNorm.
  const std::string sum = "layer { name: 'e' type: 'Eltwise' bottom: 's' bottom: 't' top: 'e' }\n";
  CHECK(kinds(conv + layer("b", "BatchNorm", "c", "b") + layer("s", "Scale", "b", "s", bias) +
              layer("t", "Scale", "b", "t", bias) + sum) == 3);
  // A later reader that is no Scale.
  CHECK(kinds(conv + layer("b", "BatchNorm", "c", "b") + layer("s", "Scale", "b", "s", bias) +
              layer("t", "ReLU", "b", "t") + sum) == 2);
  // In place behind a reader: what comes later reads the scaled blob.
  CHECK(kinds(conv + layer("b", "BatchNorm", "c", "b") + layer("t", "ReLU", "b", "t") +
              layer("s", "Scale", "b", "s", bias) + sum) == 2);
}

TEST_CASE("prototxt: one mean_value is the mean of every channel") {
  const std::string text =
      "layer { name: 'd' type: 'Data' top: 'data' transform_param { crop_size: 8 mean_value: 127.5 "
      "scale: 0.0078125 } }\n" +
      layer("c", "Convolution", "data", "c", kConv);
  const TextMessage message = TextMessage::parse(text, "net");
  const CaffeGraph colour = caffe_graph(message, "net", 3);
  CHECK(colour.graph.node(0).shape == Shape{1, 3, 8, 8});
  REQUIRE(colour.preprocess.has_value());
  CHECK(colour.preprocess->order == ColorOrder::kBgr);
  for (const float mean : colour.preprocess->mean) CHECK(mean == 127.5F * 0.0078125F);
  const CaffeGraph grey = caffe_graph(TextMessage::parse(text, "net"), "net", 1);
  CHECK(grey.graph.node(0).shape == Shape{1, 1, 8, 8});
  CHECK(grey.preprocess->order == ColorOrder::kGray);
}

TEST_CASE("BatchNorm with Scale is one node; sums of estimates are divided; a lone Scale works") {
  const Scratch scratch;
  const std::string net =
      kInput +
      layer("conv", "Convolution", "data", "conv",
            "convolution_param { num_output: 2 kernel_size: 1 bias_term: false }") +
      layer("bn", "BatchNorm", "conv", "conv",
            "batch_norm_param { eps: 0.25 use_global_stats: true }") +
      layer("scale", "Scale", "conv", "conv", "scale_param { bias_term: true }") +
      layer("relu", "ReLU", "conv", "conv") + layer("lone", "Scale", "conv", "lone");
  write_file(scratch.path("net.prototxt"), net);
  Wire bn;
  bn.bytes(1, "bn").bytes(2, "BatchNorm");
  bn.message(7, Wire().message(7, Wire().packed(1, {2})).floats(5, {4, 8}));
  bn.message(7, Wire().message(7, Wire().packed(1, {2})).floats(5, {3, 15}));
  bn.message(7, Wire().message(7, Wire().packed(1, {1})).floats(5, {4}));
  Wire model;
  model.bytes(1, "n").message(100, v2_layer("conv", {{2, 3, 1, 1}}, 1)).message(100, bn);
  Wire scale;
  scale.bytes(1, "scale").bytes(2, "Scale");
  scale.message(7, Wire().message(7, Wire().packed(1, {2})).floats(5, {10, 20}));
  scale.message(7, Wire().message(7, Wire().packed(1, {2})).floats(5, {0.5f, -100}));
  model.message(100, scale).message(100, v2_layer("lone", {{2}}, 3));
  write_file(scratch.path("net.caffemodel"), model.text());
  const Imported imported =
      imported_from({scratch.path("net.prototxt"), scratch.path("net.caffemodel")});
  const Graph& g = imported.model.graph;
  CHECK(g.find("scale") == g.find("bn"));
  const auto p = imported.model.parameters.of(g.find("bn"));
  CHECK(p[0].f32()[1] == 20.0f);  // gamma
  CHECK(p[1].f32()[0] == 0.5f);   // beta
  CHECK(p[2].f32()[1] == 2.0f);   // mean: 8 / 4
  CHECK(p[3].f32()[1] == 3.75f);  // variance: 15 / 4
  // x = 1 everywhere: conv 6 and 15; (6 - 1) / sqrt(0.75 + 0.25) * 10 + 0.5; (15 - 2) / 2 * 20 -
  // 100.
  PlanRequest request;
  Executor executor(imported.model, request, CpuStream(1));
  Tensor x = zeros({1, 3, 8, 8});
  for (float& v : x.f32()) v = 1;
  executor.set_input(x);
  executor.forward();
  const Tensor y = executor.read(executor.output());
  CHECK(y.f32()[0] == doctest::Approx(50.5 * 3));
  CHECK(y.f32()[64] == doctest::Approx(30.0 * 4));
}

TEST_CASE("InnerProduct with transpose") {
  const Scratch scratch;
  write_file(scratch.path("net.prototxt"),
             "input: 'data' input_dim: 1 input_dim: 3 input_dim: 1 input_dim: 1\n" +
                 layer("fc", "InnerProduct", "data", "fc",
                       "inner_product_param { num_output: 2 transpose: true }"));
  write_file(scratch.path("net.caffemodel"),
             Wire().bytes(1, "n").message(100, v2_layer("fc", {{3, 2}, {2}}, 0)).text());
  const Imported imported =
      imported_from({scratch.path("net.prototxt"), scratch.path("net.caffemodel")});
  const auto w = imported.model.parameters.of(imported.model.graph.find("fc"))[0].f32();
  CHECK(std::vector<float>(w.begin(), w.end()) == std::vector<float>{0, 2, 4, 1, 3, 5});
}

TEST_CASE("mutations of a .caffemodel are refused") {
  const Scratch scratch;
  write_file(scratch.path("net.prototxt"), small_net());
  const auto import = [&](const Wire& model) {
    write_file(scratch.path("net.caffemodel"), model.text());
    return message_of([&] {
      (void)imported_from({scratch.path("net.prototxt"), scratch.path("net.caffemodel")});
    });
  };
  CHECK(has(import(Wire()
                       .bytes(1, "n")
                       .message(100, v2_layer("conv", {{4, 3, 3, 3}}, 0))
                       .message(100, v2_layer("fc", {{5, 144}, {5}}, 0))),
            "conv bias"));
  CHECK(has(import(Wire()
                       .bytes(1, "n")
                       .message(100, v2_layer("conv1", {{4, 3, 3, 3}, {4}}, 0))
                       .message(100, v2_layer("fc", {{5, 144}, {5}}, 0))),
            "conv1/0"));
  CHECK(has(import(Wire()
                       .bytes(1, "n")
                       .message(100, v2_layer("conv", {{4, 3, 3, 3}, {4}}, 0))
                       .message(100, v2_layer("fc", {{144, 5}, {5}}, 0))),
            "fc"));
  CHECK(has(import(Wire()
                       .bytes(1, "n")
                       .message(100, v2_layer("conv", {{4}}, 0))
                       .message(100, v2_layer("conv", {{4}}, 0))),
            "two layers"));
  Wire lie;  // extents that the numbers do not fill
  lie.bytes(1, "fc").message(
      7, Wire().message(7, Wire().packed(1, {1'000'000, 1'000'000})).floats(5, {1}));
  CHECK(has(import(Wire().bytes(1, "n").message(100, lie)), "numbers in a blob"));
  Wire negative;
  negative.bytes(1, "fc").message(7, Wire().message(7, Wire().packed(1, {-1, -1})).floats(5, {1}));
  CHECK_FALSE(import(Wire().bytes(1, "n").message(100, negative)).empty());
}

TEST_CASE("damaged prototxt and .caffemodel files end in an error or a net, never in a crash") {
  const std::string text = small_net();
  const std::string model = Wire()
                                .bytes(1, "small")
                                .message(100, v2_layer("conv", {{4, 3, 3, 3}, {4}}, 1))
                                .message(100, v2_layer("fc", {{5, 144}, {5}}, 2))
                                .text();
  std::mt19937 random(5);
  int refused_texts = 0;
  int refused_models = 0;
  for (int i = 0; i < 400; ++i) {
    std::string bad = i % 2 == 0 ? text : model;
    for (int flips = 1 + i % 4; flips > 0; --flips)
      bad[random() % bad.size()] = static_cast<char>(random() & 255U);
    if (i % 5 == 4) bad.resize(random() % bad.size());
    try {
      if (i % 2 == 0) {
        (void)graph_of(bad);
      } else {
        std::vector<std::byte> bytes(bad.size());
        std::memcpy(bytes.data(), bad.data(), bad.size());
        (void)read_caffe_model(BinaryFile::over("bad", std::move(bytes)));
      }
    } catch (const Error&) {
      (i % 2 == 0 ? refused_texts : refused_models) += 1;
    }
  }
  CHECK(refused_texts > 100);
  CHECK(refused_models > 5);  // most bytes are numbers, any of which is as good as another
}

TEST_CASE("the real prototxt files give the zoo's nets, and their weights fit") {
  struct Case {
    const char *folder, *architecture;
    bool complete;
  };
  for (const Case& c :
       {Case{"lenet_mnist", "lenet", true}, Case{"squeezenet_v1.0", "squeezenet1.0-caffe", true},
        Case{"bvlc_googlenet", "googlenet-caffe", true},
        Case{"alexnet_conv", "alexnet-caffe", false}}) {
    const std::string folder = "models/" + std::string(c.folder);
    if (!have_data(folder + "/deploy.prototxt")) continue;
    INFO(c.folder);
    const std::string base = (data_directory() / folder).string();
    ImportOptions options;
    if (!c.complete) options.allow_missing = {"fc6", "fc7", "fc8"};
    const Imported own = imported_from({base + "/deploy.prototxt", base + "/weights.caffe.h5"},
                                       nullptr, "", options);
    const ZooNet net = build_zoo(c.architecture);
    const Graph& a = own.model.graph;
    const Graph& b = net.graph;
    CHECK(a.parameter_count() == b.parameter_count());
    CHECK(a.macs() == b.macs());
    CHECK(a.node(a.last()).shape == b.node(b.last()).shape);
    for (NodeId id = 0; id < b.size(); ++id) {
      if (b.node(id).layer->kind() == LayerKind::kFlatten || b.parameters(id).empty()) continue;
      const Node& mine = a.node(a.find(b.node(id).name));
      CHECK(mine.shape == b.node(id).shape);
      CHECK(mine.layer->attributes().values() == b.node(id).layer->attributes().values());
    }
  }
}
