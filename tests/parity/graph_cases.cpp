#include "tests/parity/graph_cases.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>

#include "layers/activation.h"
#include "layers/add.h"
#include "layers/average_pool.h"
#include "layers/batch_norm.h"
#include "layers/concat.h"
#include "layers/conv.h"
#include "layers/conv_transpose.h"
#include "layers/dense.h"
#include "layers/dropout.h"
#include "layers/elementwise.h"
#include "layers/executor.h"
#include "layers/flatten.h"
#include "layers/global_pool.h"
#include "layers/group_norm.h"
#include "layers/layer_norm.h"
#include "layers/lrn.h"
#include "layers/max_pool.h"
#include "layers/pad.h"
#include "layers/prelu.h"
#include "layers/rearrange.h"
#include "layers/relu.h"
#include "layers/resize.h"
#include "layers/slice.h"

namespace parity {
namespace {

using namespace cutaway;  // NOLINT(google-build-using-namespace): a file of network definitions

kernels::ConvGeometry window(std::int32_t kernel,
                             std::int32_t stride,
                             std::int32_t pad,
                             std::int32_t groups = 1) {
  return {kernel, kernel, stride, stride, pad, pad, 1, 1, groups};
}

NodeId conv(Graph& g,
            const std::string& name,
            NodeId from,
            std::int64_t channels,
            const kernels::ConvGeometry& geometry) {
  return g.add(name, std::make_shared<Conv>(channels, geometry), {from});
}

NodeId relu(Graph& g, const std::string& name, NodeId from) {
  return g.add(name, std::make_shared<Relu>(), {from});
}

/// Conv, ReLU, max pool, dense: VGG's kind.
Graph chain() {
  Graph g(Shape{1, 3, 20, 20});
  NodeId at = relu(g, "r1", conv(g, "c1", 0, 24, window(3, 1, 1)));
  at = g.add("p1", std::make_shared<MaxPool>(kernels::PoolGeometry{2, 2, 2, 2, 0, 0}, false), {at});
  at = relu(g, "r2", conv(g, "c2", at, 40, window(3, 1, 1)));
  at = g.add("flat", std::make_shared<Flatten>(), {at});
  at = relu(g, "r3", g.add("f1", std::make_shared<Dense>(33), {at}));
  at = g.add("drop", std::make_shared<Dropout>(0.5f), {at});
  g.add("f2", std::make_shared<Dense>(10), {at});
  return g;
}

/// Branches that are slices of a concatenation, LRN, ceil-mode and average pools: GoogLeNet's kind.
Graph branches() {
  Graph g(Shape{1, 3, 23, 23});
  NodeId at = relu(g, "r1", conv(g, "c1", 0, 32, window(7, 2, 3)));
  at = g.add("p1", std::make_shared<MaxPool>(kernels::PoolGeometry{3, 3, 2, 2, 0, 0}, true), {at});
  at = g.add("lrn", std::make_shared<Lrn>(), {at});
  const NodeId a = relu(g, "ra", conv(g, "ca", at, 16, window(1, 1, 0)));
  const NodeId b = relu(g, "rb", conv(g, "cb", at, 24, window(3, 1, 1)));
  const NodeId pool =
      g.add("pc", std::make_shared<MaxPool>(kernels::PoolGeometry{3, 3, 1, 1, 1, 1}, true), {at});
  const NodeId c = relu(g, "rc", conv(g, "cc", pool, 8, window(1, 1, 0)));
  at = g.add("cat", std::make_shared<Concat>(), {a, b, c});
  at = g.add("avg",
             std::make_shared<AveragePool>(kernels::PoolGeometry{3, 3, 2, 2, 1, 1}, true, true),
             {at});
  at = g.add("gap", std::make_shared<GlobalAveragePool>(), {at});
  g.add("fc", std::make_shared<Dense>(12), {at});
  return g;
}

/// Residual sum, batch normalisation, groups, padding, global max: the rest.
Graph residual() {
  Graph g(Shape{1, 16, 13, 13});
  const NodeId a = conv(g, "c1", 0, 16, window(3, 1, 1, 2));
  const NodeId n = relu(g, "r1", g.add("bn", std::make_shared<BatchNorm>(), {a}));
  const NodeId sum = relu(g, "r2", g.add("sum", std::make_shared<Add>(), {n, 0}));
  const NodeId pad =
      g.add("pad", std::make_shared<Pad>(1, 1, 2, 2, kernels::PadMode::kReflect), {sum});
  const NodeId s = relu(g, "r3", conv(g, "c2", pad, 20, window(3, 2, 0)));
  const NodeId gmp = g.add("gmp", std::make_shared<GlobalMaxPool>(), {s});
  g.add("fc", std::make_shared<Dense>(7), {gmp});
  return g;
}

NodeId activation(Graph& g, const std::string& name, NodeId from, kernels::Activation f) {
  return g.add(name, std::make_shared<ActivationLayer>(f), {from});
}

/// Gates, smooth activations, normalisations within an image, split and shuffled channels:
/// MobileNet's, ConvNeXt's and ShuffleNet's kind.
Graph gated() {
  Graph g(Shape{1, 3, 17, 15});
  NodeId at =
      activation(g, "a1", conv(g, "c1", 0, 40, window(3, 1, 1)), kernels::Activation::kSilu);
  const NodeId gap = g.add("gap", std::make_shared<GlobalAveragePool>(), {at});
  const NodeId gate =
      activation(g, "gate", conv(g, "se", gap, 40, window(1, 1, 0)), kernels::Activation::kSigmoid);
  at = g.add("gated", std::make_shared<Elementwise>(kernels::BinaryOp::kMultiply), {at, gate});
  at = g.add("gn", std::make_shared<GroupNorm>(4), {at});
  at = g.add("shuffle", std::make_shared<Rearrange>(Rearrange::channel_shuffle(2)), {at});
  const NodeId a = g.add(
      "first", std::make_shared<Slice>(SliceRange{0, 20, 1}, SliceRange{}, SliceRange{}), {at});
  const NodeId b = g.add(
      "second", std::make_shared<Slice>(SliceRange{20, 0, 1}, SliceRange{}, SliceRange{}), {at});
  const NodeId ln = g.add("ln", std::make_shared<LayerNorm>(), {b});
  at = g.add("cat", std::make_shared<Concat>(),
             {a, activation(g, "a2", ln, kernels::Activation::kGelu)});
  at = g.add("prelu", std::make_shared<PReluLayer>(), {conv(g, "c2", at, 24, window(3, 2, 1))});
  g.add("fc", std::make_shared<Dense>(7),
        {g.add("mean", std::make_shared<GlobalAveragePool>(), {at})});
  return g;
}

/// Up again, as a U-Net goes.
Graph upward() {
  Graph g(Shape{1, 3, 12, 12});
  const NodeId top = relu(g, "r1", conv(g, "c1", 0, 24, window(3, 1, 1)));
  const NodeId low = relu(g, "r2", conv(g, "c2", top, 36, window(3, 2, 1)));
  const NodeId up = g.add("up", std::make_shared<ConvTranspose>(20, window(2, 2, 0), 0, 0), {low});
  const NodeId wide = g.add("resize",
                            std::make_shared<ResizeLayer>(ResizeLayer::Target{2.0, 2.0, 0, 0},
                                                          kernels::Interpolation::kLinear,
                                                          ResizeLayer::Coordinates::kHalfPixel),
                            {low});
  const NodeId blocks =
      g.add("blocks", std::make_shared<Rearrange>(Rearrange::depth_to_space(2, true)), {low});
  const NodeId all = g.add("cat", std::make_shared<Concat>(), {top, up, wide, blocks});
  g.add("fc", std::make_shared<Dense>(5),
        {g.add("mean", std::make_shared<GlobalAveragePool>(), {all})});
  return g;
}

struct Named {
  const char* name;
  Graph (*make)();
};
constexpr Named kGraphs[] = {{"chain", chain},
                             {"branches", branches},
                             {"residual", residual},
                             {"gated", gated},
                             {"upward", upward}};

// Sums of a few hundred terms in another order, a few layers deep.
constexpr double kTolerance = 1e-4;

struct Outcome {
  std::vector<float> output, gradient;
};

Outcome run(Executor& e, const Tensor& input) {
  e.set_input(input);
  e.forward();
  const std::vector<Executor::Unit> units(static_cast<std::size_t>(input.shape().n),
                                          {3, 0, 0, 1.0f});
  e.seed_units(0, units);
  e.backward(0);
  const Tensor y = e.read(e.output());
  const Tensor dx = e.read(e.gradient(0, 0));
  return {{y.f32().begin(), y.f32().end()}, {dx.f32().begin(), dx.f32().end()}};
}

double difference(const std::vector<float>& a, const std::vector<float>& b) {
  double worst = 0.0;
  double most = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    worst = !(d <= worst) ? d : worst;
    most = std::max(most, std::abs(static_cast<double>(b[i])));
  }
  return worst / most;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

GraphResult check_graph(const Named& named) {
  GraphResult result;
  result.name = named.name;
  try {
    Model model(named.make());
    model.parameters = Parameters::initialized(model.graph, 5);
    PlanRequest request;
    request.input = model.graph.node(0).shape;
    request.input.n = 3;
    request.backward.push_back({});
    Tensor input(kCpuDevice, DType::kF32, request.input);
    const Philox random{9, 1};
    for (std::size_t i = 0; i < input.f32().size(); ++i) input.f32()[i] = normal(random, i);
    Executor cpu(model, request, make_stream(kCpuDevice));
    Executor cuda(model, request, make_stream({Device::Kind::kCuda, 0}));
    const Outcome want = run(cpu, input);
    cuda.set_replay(false);
    const Outcome eager = run(cuda, input);
    result.worst =
        std::max(difference(eager.output, want.output), difference(eager.gradient, want.gradient));
    cuda.set_replay(true);
    result.replay_equal = true;
    for (int i = 0; i < 3; ++i) {  // eager, recorded, replayed
      const Outcome again = run(cuda, input);
      result.replay_equal = result.replay_equal && same_bits(again.output, eager.output) &&
                            same_bits(again.gradient, eager.gradient);
    }
    result.passed = result.worst <= kTolerance && result.replay_equal;
  } catch (const std::exception& error) {
    result.error = error.what();
  }
  return result;
}

}  // namespace

std::vector<std::string> graph_case_names() {
  std::vector<std::string> names;
  for (const Named& g : kGraphs) names.emplace_back(g.name);
  return names;
}

std::vector<GraphResult> run_graph_cases() {
  std::vector<GraphResult> results;
  for (const Named& g : kGraphs) results.push_back(check_graph(g));
  return results;
}

}  // namespace parity
