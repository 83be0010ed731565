// Layers and their gradients against PyTorch (float64), recorded in tests/golden/layers.h5.

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "kernels/elementwise.h"
#include "kernels/image.h"
#include "kernels/softmax.h"
#include "layers/add.h"
#include "layers/average_pool.h"
#include "layers/batch_norm.h"
#include "layers/concat.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/executor.h"
#include "layers/flatten.h"
#include "layers/global_pool.h"
#include "layers/lrn.h"
#include "layers/max_pool.h"
#include "layers/pad.h"
#include "layers/relu.h"
#include "layers/softmax.h"
#include "tests/support/source_dir.h"
#include "weights/hdf5_file.h"

using namespace cutaway;
using Json = nlohmann::json;

namespace {

/// One recorded case.
class Case {
 public:
  Case(const weights::Hdf5File& file, std::string name)
      : name_(std::move(name)),
        op_(file.read_attribute_text("/" + name_, "op", 100)),
        params_(Json::parse(file.read_attribute_text("/" + name_, "params", 1000))) {
    for (const weights::Hdf5Child& child : file.children("/" + name_)) {
      const std::string path = "/" + name_ + "/" + child.name;
      Shape s;
      const auto dims = file.describe(path).dims;
      if (!dims.empty()) s.n = dims[0];
      if (dims.size() > 1) s.c = dims[1];
      if (dims.size() > 2) s.h = dims[2];
      if (dims.size() > 3) s.w = dims[3];
      if (dims.size() == 1 && child.name != "y" && child.name != "dy") s = {1, dims[0], 1, 1};
      tensors_[child.name] = tensor_of(s, file.read_f32(path, 1 << 20));
    }
  }

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& op() const { return op_; }
  [[nodiscard]] const Json& params() const { return params_; }
  [[nodiscard]] bool has(const std::string& what) const { return tensors_.contains(what); }
  [[nodiscard]] const Tensor& operator[](const std::string& what) const {
    return tensors_.at(what);
  }

 private:
  std::string name_, op_;
  Json params_;
  std::map<std::string, Tensor> tensors_;
};

/// PyTorch computed in double from float32 inputs and stored float32: 6e-8; our float32 sums of up
/// to 150 terms add a few 1e-7 of the largest, Winograd's transform a few 1e-6. Elements compare
/// with the largest of their tensor.
constexpr double kTolerance = 1e-5;

void expect_near(const char* what, const Tensor& got, const Tensor& want) {
  const std::string tensor = what;
  CAPTURE(tensor);
  REQUIRE(got.f32().size() == want.f32().size());
  double scale = 1e-3,
         worst = 0.0;  // at least: a saturated softmax's gradient is rounding of values around 1
  for (const float v : want.f32()) scale = std::max(scale, std::fabs(static_cast<double>(v)));
  for (std::size_t i = 0; i < want.f32().size(); ++i) {
    const double error =
        std::fabs(static_cast<double>(got.f32()[i]) - static_cast<double>(want.f32()[i]));
    if (!(error <= worst)) worst = error;
  }
  CHECK(worst <= kTolerance * scale);
}

template <class K>
void run_now(const K& kernel) {
  CpuStream stream(1);
  kernels::run(stream, kernel);
}

std::int32_t at(const Json& list, int axis) {
  return list.is_array() ? list.at(static_cast<std::size_t>(axis)).get<std::int32_t>()
                         : list.get<std::int32_t>();
}

kernels::PoolGeometry pool_of(const Json& p) {
  return {at(p["kernel"], 0), at(p["kernel"], 1), at(p["stride"], 0),
          at(p["stride"], 1), at(p["pad"], 0),    at(p["pad"], 1)};
}

/// The network that computes the case: a chain or, for several inputs, convolutions that pick them
/// apart.
Graph graph_of(const Case& c) {
  const Json& p = c.params();
  const auto one = [](Shape s) {
    s.n = 1;
    return s;
  };
  if (c.op() == "concat" || c.op() == "add") {
    Shape all = one(c["x0"].shape());
    all.c = 0;
    std::vector<NodeId> parts;
    for (int i = 0; c.has("x" + std::to_string(i)); ++i)
      all.c += c["x" + std::to_string(i)].shape().c;
    Graph g(all);
    for (int i = 0; c.has("x" + std::to_string(i)); ++i) {
      const std::string x = "x" + std::to_string(i);
      parts.push_back(
          g.add(x, std::make_shared<Conv>(c[x].shape().c, kernels::ConvGeometry{}, false), {0}));
    }
    g.add("layer", c.op() == "add" ? LayerPtr(std::make_shared<Add>()) : std::make_shared<Concat>(),
          parts);
    return g;
  }
  Graph g(one(c["x"].shape()));
  LayerPtr layer;
  if (c.op() == "conv") {
    kernels::ConvGeometry geometry{
        at(p["kernel"], 0),   at(p["kernel"], 1),   at(p["stride"], 0),
        at(p["stride"], 1),   at(p["pad"], 0),      at(p["pad"], 1),
        at(p["dilation"], 0), at(p["dilation"], 1), p["groups"].get<std::int32_t>()};
    if (p["padding_mode"] == "reflect") {
      g.add("pad", std::make_shared<Pad>(geometry.pad_h, geometry.pad_h, geometry.pad_w,
                                         geometry.pad_w, kernels::PadMode::kReflect));
      geometry.pad_h = geometry.pad_w = 0;
    }
    layer = std::make_shared<Conv>(c["weight"].shape().n, geometry);
  } else if (c.op() == "max_pool") {
    layer = std::make_shared<MaxPool>(pool_of(p), p["ceil"].get<bool>());
  } else if (c.op() == "avg_pool") {
    layer = std::make_shared<AveragePool>(pool_of(p), p["ceil"].get<bool>(),
                                          p["count_include_pad"].get<bool>());
  } else if (c.op() == "global_avg_pool") {
    layer = std::make_shared<GlobalAveragePool>();
  } else if (c.op() == "relu") {
    layer = std::make_shared<Relu>();
  } else if (c.op() == "lrn") {
    layer = std::make_shared<Lrn>(
        kernels::LrnParameters{p["size"].get<std::int32_t>(), p["alpha"].get<float>(),
                               p["beta"].get<float>(), p["k"].get<float>()});
  } else if (c.op() == "batch_norm") {
    layer = std::make_shared<BatchNorm>(p["eps"].get<double>(), p["momentum"].get<double>());
  } else if (c.op() == "linear") {
    if (p.contains("flatten")) g.add("flatten", std::make_shared<Flatten>());
    layer = std::make_shared<Dense>(c["weight"].shape().n);
  } else if (c.op() == "softmax") {
    layer = std::make_shared<Softmax>();
  }
  REQUIRE_MESSAGE(layer, c.op());
  g.add("layer", layer);
  return g;
}

Model model_of(const Case& c) {
  Model m(graph_of(c));
  m.parameters = Parameters::zeroed(m.graph);
  const auto parameters = m.parameters.of(m.graph.last());
  const char* names[] = {"weight", "bias", "running_mean", "running_var"};
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    std::ranges::copy(c[names[i]].f32(), parameters[i].f32().begin());
  }
  std::int64_t first = 0;
  for (int i = 0; c.has("x" + std::to_string(i)); ++i) {
    Tensor& w = m.parameters.of(m.graph.find("x" + std::to_string(i)))[0];
    for (std::int64_t o = 0; o < w.shape().n; ++o) w.ref().out().at(o, first + o, 0, 0) = 1.0f;
    first += w.shape().n;
  }
  return m;
}

Tensor input_of(const Case& c, const Model& m) {
  if (c.has("x")) return c["x"].clone();
  Shape s = m.graph.node(0).shape;
  s.n = c["x0"].shape().n;
  Tensor x = zeros(s);
  std::int64_t first = 0;
  for (int i = 0; c.has("x" + std::to_string(i)); ++i) {
    const Tensor& part = c["x" + std::to_string(i)];
    run_now(kernels::Reorder{part.ref().in(), channel_slice(x.ref().out(), first, part.shape().c)});
    first += part.shape().c;
  }
  return x;
}

/// `forced`: the engines; both orders of tests over blocked, plain, guarded memory are elsewhere.
void check_layer_case(const Case& c, const std::string& forced) {
  Model m = model_of(c);
  const bool training = c.params().value("training", false);
  PlanRequest r;
  const Tensor x = input_of(c, m);
  r.input = x.shape();
  r.training = training;
  r.guard = true;
  r.engines.force = forced;
  BackwardRequest b;
  b.parameters = true;
  std::vector<std::string> wanted;
  for (int i = 0; c.has("x" + std::to_string(i)); ++i)
    b.to.push_back(m.graph.find("x" + std::to_string(i)));
  if (b.to.empty()) b.to = {0};
  r.backward.push_back(b);
  Executor e(m, r, CpuStream(1));
  e.set_input(x);
  e.forward();
  expect_near("y", e.read(e.output()), c["y"]);
  kernels::run(e.stream(), kernels::Reorder{c["dy"].ref().in(), e.seed(0).out()});
  e.backward(0);
  for (std::size_t i = 0; i < b.to.size(); ++i) {
    const std::string name = c.has("dx") ? "dx" : "dx" + std::to_string(i);
    expect_near(name.c_str(), e.read(e.gradient(0, b.to[i])), c[name]);
  }
  const auto gradients = e.parameter_gradients().of(m.graph.last());
  const char* names[] = {"dweight", "dbias"};
  for (std::size_t i = 0; i < std::min<std::size_t>(2, gradients.size()); ++i) {
    expect_near(names[i], gradients[i], c[names[i]]);
  }
  if (!training) return;
  expect_near("running mean", m.parameters.of(m.graph.last())[2], c["running_mean_after"]);
  expect_near("running variance", m.parameters.of(m.graph.last())[3], c["running_var_after"]);
}

void check_cross_entropy(const Case& c) {
  const Shape& s = c["x"].shape();
  std::vector<std::int32_t> labels;
  for (const float label : c["labels"].f32()) labels.push_back(static_cast<std::int32_t>(label));
  Tensor losses = zeros({1, s.n, 1, 1}), dx = zeros(s);
  const auto smoothing = c.params()["label_smoothing"].get<float>();
  run_now(kernels::CrossEntropy{c["x"].ref().in(), labels.data(), losses.f32().data(),
                                dx.ref().out(), smoothing});
  const bool mean = c.params()["reduction"] == "mean";
  Tensor y = zeros(c["y"].shape());
  for (std::size_t n = 0; n < losses.f32().size(); ++n) {
    y.f32()[mean ? 0 : n] += losses.f32()[n] / (mean ? static_cast<float>(s.n) : 1.0f);
  }
  expect_near("loss", y, c["y"]);
  for (std::size_t i = 0; i < dx.f32().size(); ++i) {
    const std::size_t n = i / static_cast<std::size_t>(s.c);
    dx.f32()[i] *= mean ? c["dy"].f32()[0] : c["dy"].f32()[n] * static_cast<float>(s.n);
  }
  expect_near("dx", dx, c["dx"]);
}

void check_resize(const Case& c) {
  Tensor y = zeros(c["y"].shape()), dx = zeros(c["x"].shape());
  run_now(kernels::ResizeBilinear{c["x"].ref().in(), y.ref().out()});
  run_now(kernels::ResizeBilinearBackward{c["dy"].ref().in(), dx.ref().out()});
  expect_near("y", y, c["y"]);
  expect_near("dx", dx, c["dx"]);
}

}  // namespace

TEST_CASE("layers agree with PyTorch on every recorded case") {
  const auto file = weights::Hdf5File::open(source_dir() + "/tests/golden/layers.h5");
  int checked = 0, others = 0;
  for (const weights::Hdf5Child& child : file.children("/")) {
    const Case c(file, child.name);
    CAPTURE(child.name);
    if (c.op() == "cross_entropy") {
      check_cross_entropy(c);
    } else if (c.op() == "resize") {
      // Cubic and corner-aligned resampling are for rendering, not layers.
      const bool ours = c.params()["mode"] == "bilinear" && c.params()["coordinates"] == "half";
      if (ours) check_resize(c);
      others += ours ? 0 : 1;
    } else {
      check_layer_case(c, "");
      check_layer_case(c, "conv:reference,gemm:reference");
    }
    ++checked;
  }
  CHECK(checked == 70);
  CHECK(others == 3);
}
