#include "explain/promise.h"

#include <algorithm>

#include "explain/network.h"
#include "explain/options.h"
#include "layers/conv.h"
#include "layers/plan.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

/// What one pass direction holds of a layer's weights beside them: Winograd's F(4x4, 3x3) has 36
/// numbers where a kernel has 9 (kernels/cpu/conv_winograd.cpp); other engines reorder them.
std::size_t transform_bytes(const Graph& graph, NodeId id) {
  const Layer& layer = *graph.node(id).layer;
  if (layer.kind() != LayerKind::kConv) return 0;
  const kernels::ConvGeometry& g = static_cast<const Conv&>(layer).geometry();
  const bool winograd = g.kernel_h == 3 && g.kernel_w == 3 && g.stride_h == 1 && g.stride_w == 1 &&
                        g.dilation_h == 1 && g.dilation_w == 1 && g.groups == 1;
  const auto weights = static_cast<std::size_t>(graph.parameters(id).front().shape.count()) * 4;
  return weights * (winograd ? 4 : 1);
}

/// A rule of LRP that changes the weights holds what it made of them, both ways and in two parts.
std::size_t copies_of(const Step& step) {
  constexpr std::size_t kChanged = 3;
  if (!step.rule) return 1;
  const std::string_view name = step.rule->name();
  const bool changes =
      name.starts_with("LRP-") || name.starts_with("z") || name == "w^2" || name == "flat";
  return changes ? kChanged : 1;
}

std::size_t transforms_of(const Graph& graph, const Plan& plan) {
  std::size_t bytes = 0;
  for (const Step& step : plan.forward()) bytes += transform_bytes(graph, step.node);
  std::vector<std::size_t> backward(static_cast<std::size_t>(graph.size()));
  for (std::size_t k = 0; k < plan.backward_count(); ++k) {
    for (const Step& step : plan.backward(k)) {
      if (step.kind != Step::Kind::kBackward) continue;
      // Passes share what they have in common.
      std::size_t& most = backward[static_cast<std::size_t>(step.node)];
      most = std::max(most, transform_bytes(graph, step.node) * copies_of(step));
    }
  }
  for (const std::size_t b : backward) bytes += b;
  return bytes;
}

Plan sampling_plan(const Graph& graph, NodeId output, bool gradient, std::int64_t batch) {
  PlanRequest request;
  request.input = graph.node(0).shape;
  request.input.n = batch;
  request.output = output;
  request.guard = false;
  if (gradient) request.backward = {{gradient_rules(), output, {0}, false}};
  return Plan::build(graph, request, kCpuDevice, 1);
}

/// How many inputs a method makes by default; 0: it says nothing of that.
double sample_count(const std::string& method) {
  for (const OptionFact& option : method_facts(method).options) {
    if (option.name != "samples" && option.name != "steps" && option.name != "masks") continue;
    if (!option.otherwise) continue;
    if (const auto* count = std::get_if<std::int64_t>(&*option.otherwise))
      return static_cast<double>(*count);
  }
  return 0.0;
}

}  // namespace

MemoryPromise promised_memory(const Graph& graph,
                              const std::string& name,
                              const Session::Options& options) {
  const MethodPtr method = make_method(name);
  const Setting setting = Session::setting_of(graph, options.layer);
  Needs needs;
  method->plan(graph, setting, needs);
  PlanRequest request;
  request.input = graph.node(0).shape;
  request.input.n = 1;
  request.output = setting.logits;
  request.taps = needs.taps();
  request.backward = needs.passes();
  request.guard = false;
  const Plan plan = Plan::build(graph, request, kCpuDevice, 1);
  MemoryPromise promise;
  promise.method = name;
  for (NodeId id = 0; id < graph.size(); ++id) {
    for (const ParameterSpec& p : graph.parameters(id))
      promise.parameters += static_cast<std::size_t>(p.shape.count()) * 4;
  }
  promise.passes = plan.arena_bytes();
  promise.transforms = transforms_of(graph, plan);
  const double work = method->work(graph);
  if (work <= 2.0) return promise;
  // A pass with a gradient counts as three, one without as one.
  const double count = sample_count(name);
  const bool gradient = count > 0.0 && work >= 2.5 * count;
  const Plan one = sampling_plan(graph, setting.logits, gradient, 1);
  const std::size_t each = std::max<std::size_t>(one.arena_bytes(), 1);
  const auto fits = static_cast<std::int64_t>(options.budget / each);
  const std::int64_t batch = std::clamp<std::int64_t>(fits, 1, Evaluator::kMostAtOnce);
  promise.samples = sampling_plan(graph, setting.logits, gradient, batch).arena_bytes();
  promise.transforms = std::max(promise.transforms, transforms_of(graph, one));
  return promise;
}

std::vector<MemoryPromise> promised_memory(const Graph& graph, const Session::Options& options) {
  std::vector<MemoryPromise> all;
  for (const std::string& name : method_names()) {
    try {
      all.push_back(promised_memory(graph, name, options));
    } catch (const Error& error) {
      // Not for this net; whoever asks for the method is told why.
      if (error.kind() != ErrorKind::kUnsupported && error.kind() != ErrorKind::kUsage) throw;
    }
  }
  return all;
}

std::int64_t batch_within(const Graph& graph, std::int64_t most, std::size_t budget) {
  const NodeId output = logits_node(graph);
  while (most > 1 && sampling_plan(graph, output, true, most).arena_bytes() > budget)
    most = (most + 1) / 2;
  return most;
}

}  // namespace cutaway::explain
