#include <filesystem>
#include <random>

#include "layers/clip.h"
#include "layers/executor.h"
#include "layers/leaky_relu.h"
#include "layers/pad.h"
#include "tests/weights/torch_support.h"
#include "weights/export/exporters.h"
#include "weights/export/protobuf_writer.h"
#include "weights/import/onnx/onnx_graph.h"
#include "weights/preprocess_presets.h"
#include "weights/zoo/zoo.h"

using namespace cutaway;
using namespace cutaway::weights;
using namespace cutaway::weights::testing;

namespace {

Imported import_onnx(const std::string& path) {
  const Source source = open_source({path});
  return import_weights(source, *source.graph, source.bind(*source.graph, ""));
}

// Every stored value of a golden model against ONNX Runtime's, with nothing of ours in between but
// the tolerance: 1e-5 of the largest value, a few roundings of float32 sums of 150 terms.
void check_golden(const std::string& file,
                  const std::string& group,
                  const std::vector<std::string>& values) {
  CAPTURE(file);
  const Imported imported = import_onnx(golden(file));
  const Hdf5File expected = Hdf5File::open(golden("expected.h5"));
  PlanRequest request;
  const auto extents = expected.describe("/" + group + "/input").dims;
  request.input = {extents[0], extents[1], extents[2], extents[3]};
  for (const std::string& value : values) request.taps.push_back(imported.model.graph.find(value));
  Executor executor(imported.model, request, CpuStream(1));
  executor.set_input(tensor_of(request.input, expected.read_f32("/" + group + "/input", 1 << 20)));
  executor.forward();
  for (const std::string& value : values) {
    CAPTURE(value);
    const std::vector<float> want = expected.read_f32("/" + group + "/" + value, 1 << 20);
    const Tensor got = executor.read(executor.value(imported.model.graph.find(value)));
    REQUIRE(got.f32().size() == want.size());
    float most = 0, worst = 0;
    for (std::size_t i = 0; i < want.size(); ++i) {
      most = std::max(most, std::abs(want[i]));
      const float d = std::abs(want[i] - got.f32()[i]);
      if (!(d <= worst)) worst = d;
    }
    CHECK(most > 0);
    CHECK(worst <= 1e-5f * most);
  }
}

/// A model under construction, with a float input 1 x 3 x 4 x 4 called x.
struct Handmade {
  ProtobufMessage graph;

  void node(const std::string& type,
            const std::vector<std::string>& inputs,
            const std::string& output) {
    ProtobufMessage n;
    for (const std::string& i : inputs) n.text(1, i);
    n.text(2, output);
    n.text(3, "node_" + output);
    n.text(4, type);
    graph.message(1, n);
  }
  static ProtobufMessage value(const std::string& name) {
    ProtobufMessage shape, tensor, type, info;
    for (const std::int64_t extent : {1, 3, 4, 4}) {
      ProtobufMessage e;
      e.integer(1, extent);
      shape.message(1, e);
    }
    tensor.integer(1, 1);
    tensor.message(2, shape);
    type.message(1, tensor);
    info.text(1, name);
    info.message(2, type);
    return info;
  }
  [[nodiscard]] std::string bytes(const std::string& output, std::int64_t opset = 13) {
    graph.message(11, value("x"));
    graph.message(12, value(output));
    ProtobufMessage model, version;
    version.integer(2, opset);
    model.integer(1, 8);
    model.message(8, version);
    model.message(7, graph);
    return model.bytes();
  }
};

std::string refusal(const std::string& bytes) {
  const Scratch scratch;
  write_file(scratch.path("bad.onnx"), bytes);
  return message_of([&] { (void)import_onnx(scratch.path("bad.onnx")); });
}

ProtobufMessage external(const std::string& location) {
  ProtobufMessage where, tensor;
  where.text(1, "location");
  where.text(2, location);
  for (const std::int64_t e : {2, 3, 1, 1}) tensor.integer(1, e);
  tensor.integer(2, 1);
  tensor.text(8, "w");
  tensor.message(13, where);
  tensor.integer(14, 1);
  return tensor;
}

}  // namespace

TEST_CASE("ONNX: every operator gives ONNX Runtime's numbers") {
  check_golden("operators.onnx", "operators",
               {"relu6_out", "leaky_out", "residual_out", "both_out", "lrn_out", "mean_out",
                "relu_out", "most_out", "mm_bias_out", "gemm_out", "head_out", "prob_out"});
  check_golden("old.onnx", "old", {"clip_out", "p_out", "fc_out"});
  check_golden("external.onnx", "old", {"clip_out", "p_out", "fc_out"});
}

TEST_CASE("ONNX: the report covers every tensor and nodes keep their names") {
  const Imported imported = import_onnx(golden("operators.onnx"));
  CHECK(imported.report.rows.size() == 16);
  CHECK(imported.report.unused.empty());
  CHECK(imported.report.producer == "cutaway-tests");
  const Node& stem = imported.model.graph.node(imported.model.graph.find("stem/conv"));
  CHECK(stem.layer->kind() == LayerKind::kConv);
  const Node& dense = imported.model.graph.node(imported.model.graph.find("gemm"));
  CHECK(dense.layer->kind() == LayerKind::kDense);
}

TEST_CASE("ONNX: all operators without counterpart are named at once") {
  Handmade m;
  m.node("Sin", {"x"}, "a");
  m.node("Relu", {"a"}, "b");
  m.node("TopK", {"b"}, "c");
  m.node("Transpose", {"x"}, "d");
  m.node("Add", {"c", "d"}, "y");
  const std::string message = refusal(m.bytes("y"));
  // TopK reads what Sin loses; Relu and Add, which are known, are no news behind them.
  CHECK(has(message, "3 operator(s) that cannot be imported:"));
  CHECK(has(message, "node 'node_a', Sin"));
  CHECK(has(message, "node 'node_c', TopK"));
  CHECK(has(message, "node 'node_d', Transpose"));
  CHECK(has(message, "bad.onnx"));
}

TEST_CASE("ONNX: graphs that do not hold together") {
  Handmade cycle;
  cycle.node("Relu", {"b"}, "a");
  cycle.node("Relu", {"a"}, "b");
  CHECK(has(refusal(cycle.bytes("b")), "which no earlier node writes"));
  Handmade twice;
  twice.node("Relu", {"x"}, "y");
  twice.node("Relu", {"x"}, "y");
  CHECK(!refusal(twice.bytes("y")).empty());
  Handmade young;
  young.node("Relu", {"x"}, "y");
  CHECK(has(refusal(young.bytes("y", 6)), "operator set"));
  Handmade lost;
  lost.node("Relu", {"x"}, "y");
  CHECK(!refusal(lost.bytes("z")).empty());
  // Doubling its channels sixty times would overflow.
  Handmade doubling;
  std::string at = "x";
  for (int i = 0; i < 60; ++i) {
    doubling.node("Concat", {at, at}, "c" + std::to_string(i));
    at = "c" + std::to_string(i);
  }
  CHECK(!refusal(doubling.bytes(at)).empty());
}

TEST_CASE("ONNX: of several outputs one is chosen, and what only others need is left out") {
  const Scratch scratch;
  const std::string path = scratch.path("two.onnx");
  Handmade m;
  for (const char* name : {"w1", "w2"}) {
    ProtobufMessage t;
    for (const std::int64_t e : {2, 3, 1, 1}) t.integer(1, e);
    t.integer(2, 1);
    t.text(8, name);
    t.text(9, std::string(24, '\0'));
    m.graph.message(5, t);
  }
  m.node("Relu", {"x"}, "r");
  m.node("Conv", {"r", "w1"}, "one");
  m.node("Conv", {"r", "w2"}, "two");
  m.graph.message(12, Handmade::value("one"));
  write_file(path, m.bytes("two"));
  const std::string several = message_of([&] { (void)open_source({path}); });
  CHECK(has(several, "several outputs: one, two"));
  CHECK(has(several, "--output NAME"));
  CHECK(has(message_of([&] { (void)open_source({path}, {}, "three"); }), "one of one, two"));
  for (const char* name : {"one", "two"}) {
    const Source source = open_source({path}, {}, name);
    const Imported imported = import_weights(source, *source.graph, source.bind(*source.graph, ""));
    const Graph& g = imported.model.graph;
    CHECK(g.size() == 3);
    CHECK(g.node(g.last()).name == "node_" + std::string(name));
    CHECK(imported.report.rows[0].source == (std::string(name) == "one" ? "w1" : "w2"));
  }
}

TEST_CASE("ONNX: external data stays in the model's folder") {
  const Scratch scratch;
  std::filesystem::create_directory(scratch.path("inside"));
  write_file(scratch.path("secret"), std::string(24, 'x'));
  std::filesystem::create_symlink(scratch.path("secret"), scratch.path("inside/link"));
  for (const std::string& location :
       {std::string("../secret"), scratch.path("secret"), std::string("a/../../secret"),
        std::string("link"), std::string("absent")}) {
    CAPTURE(location);
    Handmade m;
    m.graph.message(5, external(location));
    m.node("Conv", {"x", "w"}, "y");
    write_file(scratch.path("inside/m.onnx"), m.bytes("y"));
    CHECK(has(message_of([&] { (void)import_onnx(scratch.path("inside/m.onnx")); }),
              "external data"));
  }
}

TEST_CASE("ONNX: tensors that claim more than they hold") {
  Handmade m;
  ProtobufMessage t;
  for (const std::int64_t e : {1 << 20, 1 << 18, 1, 1}) t.integer(1, e);
  t.integer(2, 1);
  t.text(8, "w");
  t.text(9, std::string(16, '\0'));
  m.graph.message(5, t);
  m.node("Conv", {"x", "w"}, "y");
  CHECK(has(refusal(m.bytes("y")), "numbers of a tensor"));
}

TEST_CASE("ONNX: damaged files are refused or read, and the process lives") {
  const Scratch scratch;
  std::mt19937 random(13);
  for (const char* name : {"operators.onnx", "old.onnx"}) {
    const std::string good = read_file(golden(name));
    int refused = 0;
    for (int i = 0; i < 400; ++i) {
      std::string bad = good;
      if (i % 4 == 0) bad.resize(random() % bad.size());
      for (int flips = i % 4; flips > 0 && !bad.empty(); --flips) {
        // Mostly where the structure is: tensors come behind the nodes.
        const std::size_t range = i % 2 == 0 ? bad.size() : std::min<std::size_t>(bad.size(), 3000);
        bad[random() % range] = static_cast<char>(random() & 255U);
      }
      write_file(scratch.path("bad.onnx"), bad);
      try {
        (void)import_onnx(scratch.path("bad.onnx"));
      } catch (const Error&) {
        ++refused;
      }
    }
    CHECK(refused >= 99);
  }
}

TEST_CASE("packages survive a round trip through ONNX") {
  const Scratch scratch;
  std::vector<Graph> graphs{build_zoo("lenet").graph, build_zoo("cifar-resnet20").graph};
  Graph g(Shape{1, 3, 9, 9});
  g.add("pad", std::make_shared<Pad>(1, 0, 2, 1, kernels::PadMode::kReflect));
  g.add("conv", std::make_shared<Conv>(6, kernels::ConvGeometry{3, 3, 2, 1, 1, 0, 1, 1, 3}, false));
  g.add("clip", std::make_shared<Clip>(0.0, 6.0));
  g.add("leaky", std::make_shared<LeakyRelu>(0.125));
  g.add("gmp", std::make_shared<GlobalMaxPool>());
  g.add("fc", std::make_shared<Dense>(4, false));
  graphs.push_back(std::move(g));
  for (const Graph& graph : graphs) {
    Package package{Model(graph, Parameters::initialized(graph, 7)), {}, {}, {}};
    package.preprocess = preprocess_preset("torchvision", graph.node(0).shape);
    package.labels.assign(static_cast<std::size_t>(graph.node(graph.last()).shape.c), "a b");
    find_exporter(scratch.path("m.onnx")).write(package, scratch.path("m.onnx"));
    const Source source = open_source({scratch.path("m.onnx")});
    REQUIRE(source.preprocess.has_value());
    CHECK(*source.preprocess == package.preprocess);
    CHECK(source.labels == package.labels);
    const Imported back = import_onnx(scratch.path("m.onnx"));
    for (NodeId id = 1; id < graph.size(); ++id) {
      const NodeId there = back.model.graph.find(graph.node(id).name);
      CAPTURE(graph.node(id).name);
      const std::span<const Tensor> a = package.model.parameters.of(id);
      const std::span<const Tensor> b = back.model.parameters.of(there);
      if (a.empty()) continue;
      CHECK(back.model.graph.node(there).layer->type() == graph.node(id).layer->type());
      REQUIRE(a.size() == b.size());
      for (std::size_t i = 0; i < a.size(); ++i) CHECK(same_bits(a[i].f32(), b[i].f32()));
    }
  }
}

TEST_CASE("a package written tensor by tensor is the same file") {
  const Scratch scratch;
  const Graph graph = build_zoo("lenet").graph;
  const Package package{
      Model(graph, Parameters::initialized(graph, 7)), build_zoo("lenet").preprocess, {}, {}};
  save(package, scratch.path("whole.h5"));
  save_streamed({Model(graph), package.preprocess, {}, {}}, scratch.path("streamed.h5"),
                [&](NodeId node, std::size_t i, const PutValues& put) {
                  const auto from = package.model.parameters.of(node)[i].f32();
                  put(from.first(1));
                  put(from.subspan(1));
                });
  CHECK(read_file(scratch.path("whole.h5")) == read_file(scratch.path("streamed.h5")));
  CHECK_THROWS_AS(save_streamed({Model(graph), package.preprocess, {}, {}}, scratch.path("bad.h5"),
                                [](NodeId, std::size_t, const PutValues&) {
                                  throw Error(ErrorKind::kInput, "no");
                                }),
                  Error);
  CHECK_THROWS_AS(save_streamed({Model(graph), package.preprocess, {}, {}}, scratch.path("few.h5"),
                                [](NodeId, std::size_t, const PutValues&) {}),
                  Error);
  CHECK(scratch.files() == 2);
}

TEST_CASE("undeclared preprocessing travels and is told apart") {
  const Scratch scratch;
  const Graph graph = build_zoo("lenet").graph;
  Package package{Model(graph, Parameters::initialized(graph, 7)),
                  preprocess_preset("none", graph.node(0).shape),
                  {},
                  {}};
  save(package, scratch.path("m.h5"));
  const Package back = load(scratch.path("m.h5"));
  CHECK(!back.preprocess.declared);
  CHECK(has(message_of([&] { require_declared(back.preprocess, "m.h5"); }), "--preprocess"));
  CHECK_NOTHROW(require_declared(build_zoo("lenet").preprocess, "m.h5"));
  CHECK_THROWS_AS((void)preprocess_preset("torchvison", graph.node(0).shape), Error);
  const Preprocess p = preprocess_preset("torchvision", {1, 3, 224, 224});
  CHECK(p.short_side == 256);
  CHECK(p.crop_width == 224);
  CHECK(preprocess_preset("caffe", {1, 3, 227, 227}).width == 256);
  CHECK(preprocess_preset("unit", {1, 1, 28, 28}).order == ColorOrder::kGray);
}
