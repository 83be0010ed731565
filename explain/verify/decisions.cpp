#include "explain/verify/decisions.h"

#include <algorithm>
#include <limits>

#include "kernels/elementwise.h"
#include "layers/executor.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

/// Puts out a value of its own, whatever comes in; its derivative is the identity's.
class Pin final : public Layer {
 public:
  explicit Pin(Tensor value) : value_(std::move(value)) {}
  // Of the kinds that only exist inside this program.
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kWindow; }
  [[nodiscard]] std::string_view type() const noexcept override { return "pin"; }
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override {
    expect_inputs(in, 1);
    Shape one = value_.shape();
    one.n = in[0].n;
    if (!(one == in[0])) {
      throw Error(ErrorKind::kShape, "a recorded value of another shape")
          .expected(to_string(in[0]))
          .got(to_string(one));
    }
    return in[0];
  }
  void forward(const Call& c) const override {
    kernels::run(c.stream, kernels::Reorder{value_.ref().in(), c.out.out()});
  }
  void vjp(const BackCall& c) const override {
    if (c.dx[0]) kernels::run(c.stream, kernels::Reorder{c.dy.in(), c.dx[0].out()});
  }

 private:
  Tensor value_;
};

bool rectifies(LayerKind kind) {
  return kind == LayerKind::kRelu || kind == LayerKind::kLeakyRelu || kind == LayerKind::kClip;
}

bool chooses(LayerKind kind) {
  return kind == LayerKind::kMaxPool || kind == LayerKind::kGlobalMaxPool;
}

std::vector<bool> ancestors_of(const Graph& graph, NodeId from) {
  std::vector<bool> above(static_cast<std::size_t>(graph.size()), false);
  above[static_cast<std::size_t>(from)] = true;
  for (NodeId id = from; id > 0; --id) {
    if (!above[static_cast<std::size_t>(id)]) continue;
    for (const NodeId input : graph.node(id).inputs) above[static_cast<std::size_t>(input)] = true;
  }
  return above;
}

/// Where the largest value of a window stands; the first of equal ones.
std::int64_t choice(std::span<const float> plane,
                    const Shape& s,
                    const Window& w,
                    std::int64_t row,
                    std::int64_t column) {
  const std::int64_t top = w.global ? 0 : row * w.stride_h - w.pad_h;
  const std::int64_t left = w.global ? 0 : column * w.stride_w - w.pad_w;
  const std::int64_t bottom = w.global ? s.h : std::min(s.h, top + w.kernel_h);
  const std::int64_t right = w.global ? s.w : std::min(s.w, left + w.kernel_w);
  std::int64_t best = -1;
  float most = -std::numeric_limits<float>::infinity();
  for (std::int64_t h = std::max<std::int64_t>(top, 0); h < bottom; ++h) {
    for (std::int64_t x = std::max<std::int64_t>(left, 0); x < right; ++x) {
      const std::int64_t at = h * s.w + x;
      if (best >= 0 && !(plane[static_cast<std::size_t>(at)] > most)) continue;
      best = at;
      most = plane[static_cast<std::size_t>(at)];
    }
  }
  return best;
}

void compare_windows(
    const Window& window, const Shape& out, const Tensor& a, const Tensor& b, Decisions& d) {
  const Shape& s = a.shape();
  const auto plane = static_cast<std::size_t>(s.plane());
  for (std::size_t k = 0; k < static_cast<std::size_t>(s.n * s.c); ++k) {
    const auto one = a.f32().subspan(k * plane, plane);
    const auto two = b.f32().subspan(k * plane, plane);
    for (std::int64_t row = 0; row < out.h; ++row) {
      for (std::int64_t column = 0; column < out.w; ++column) {
        ++d.windows;
        d.windows_differ +=
            choice(one, s, window, row, column) != choice(two, s, window, row, column) ? 1 : 0;
      }
    }
  }
}

/// Which way a rectifier lets its gradient through: -1 below, 0 in, 1 above its range.
int side(const Layer& layer, float y) {
  const float high = layer.kind() == LayerKind::kClip
                         ? static_cast<float>(layer.attributes().number("high", 0.0))
                         : std::numeric_limits<float>::infinity();
  const float low = layer.kind() == LayerKind::kClip
                        ? static_cast<float>(layer.attributes().number("low", 0.0))
                        : 0.0f;
  return y >= high ? 1 : y > low ? 0 : -1;
}

const Tensor& value_at(const PinnedValues& values, NodeId node) {
  const auto at = values.find(node);
  check(at != values.end(), "a deciding node was not recorded");
  return at->second;
}

}  // namespace

PinnedModel::PinnedModel(const Model& model, const PinnedValues& values, Device device)
    : model_(Graph(model.graph.node(0).shape)), computing_{0}, seen_{0} {
  Graph graph(model.graph.node(0).shape);
  std::vector<NodeId> origins{0};
  const auto pin = [&](NodeId of, const std::string& name, const Tensor& value) {
    origins.push_back(-1);
    return graph.add(name + " (recorded)", std::make_shared<Pin>(to_device(value, device)), {of});
  };
  for (NodeId id = 1; id < model.graph.size(); ++id) {
    const Node& node = model.graph.node(id);
    std::vector<NodeId> inputs;
    for (const NodeId input : node.inputs) inputs.push_back(seen(input));
    const auto value = values.find(id);
    const bool given = value != values.end();
    const bool before = given && rectifies(node.layer->kind());
    if (before) inputs[0] = pin(inputs[0], node.name, value->second);
    computing_.push_back(graph.add(node.name, node.layer, inputs));
    origins.push_back(id);
    seen_.push_back(given && !before ? pin(computing_.back(), node.name, value->second)
                                     : computing_.back());
  }
  model_ = Model(std::move(graph), model.parameters.shared(origins));
}

std::vector<NodeId> deciding_nodes(const Graph& graph, NodeId from) {
  const std::vector<bool> above = ancestors_of(graph, from);
  std::vector<NodeId> nodes;
  for (NodeId id = 1; id < graph.size(); ++id) {
    const Node& node = graph.node(id);
    if (!above[static_cast<std::size_t>(id)]) continue;
    if (rectifies(node.layer->kind())) nodes.push_back(id);
    if (chooses(node.layer->kind())) nodes.push_back(node.inputs[0]);
  }
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  return nodes;
}

Decisions compare_decisions(const Graph& graph, const PinnedValues& a, const PinnedValues& b) {
  Decisions d;
  for (NodeId id = 1; id < graph.size(); ++id) {
    const Node& node = graph.node(id);
    if (rectifies(node.layer->kind()) && a.contains(id)) {
      const auto one = value_at(a, id).f32();
      const auto two = value_at(b, id).f32();
      d.rectifiers += static_cast<std::int64_t>(one.size());
      for (std::size_t i = 0; i < one.size(); ++i) {
        d.rectifiers_differ += side(*node.layer, one[i]) != side(*node.layer, two[i]) ? 1 : 0;
      }
    }
    if (chooses(node.layer->kind()) && a.contains(node.inputs[0])) {
      compare_windows(node.layer->window(), node.shape, value_at(a, node.inputs[0]),
                      value_at(b, node.inputs[0]), d);
    }
  }
  return d;
}

RunResult run_model(const Model& model,
                    const RunRequest& request,
                    const Tensor& input,
                    const std::vector<std::int64_t>& targets,
                    const Stream& stream) {
  PlanRequest plan;
  plan.input = request.input;
  plan.engines = request.engines;
  plan.taps = request.taps;
  if (!request.to.empty()) {
    BackwardRequest pass;
    pass.from = request.from;
    pass.to = request.to;
    plan.backward.push_back(std::move(pass));
  }
  Executor executor(model, plan, stream);
  executor.set_input(input);
  executor.forward();
  RunResult result;
  for (const NodeId node : request.taps) {
    result.values.emplace(node, executor.read(executor.value(node)));
  }
  if (request.to.empty()) return result;
  std::vector<Executor::Unit> units;
  for (const std::int64_t target : targets) units.push_back({target});
  executor.seed_units(0, units);
  executor.backward(0);
  for (const NodeId node : request.to) {
    result.gradients.emplace(node, executor.read(executor.gradient(0, node)));
  }
  return result;
}

}  // namespace cutaway::explain
