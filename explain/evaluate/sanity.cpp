#include "explain/evaluate/sanity.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "explain/network.h"
#include "runtime/error.h"
#include "runtime/philox.h"

namespace cutaway::explain {
namespace {

constexpr std::array kNames{"truncated_normal", "he", "permutation"};
constexpr float kDeviation = 0.01f;

/// Standard normal numbers, one after the other.
class Normals {
 public:
  explicit Normals(const Philox& random) : random_(random) {}
  float next() { return normal(random_, counter_++); }
  float next_truncated() {
    float v = next();
    while (std::fabs(v) > 2.0f) v = next();
    return v;
  }

 private:
  Philox random_;
  std::uint64_t counter_{0};
};

void permute(std::span<float> values, const Philox& random) {
  for (std::size_t i = values.size(); i > 1; --i)
    std::swap(values[i - 1], values[random.word(i) % i]);
}

void reinitialize(Tensor& tensor,
                  const ParameterSpec& spec,
                  Reinitialization kind,
                  const Philox& random) {
  if (kind == Reinitialization::kPermutation) {
    permute(tensor.f32(), random);
    return;
  }
  if (spec.initializer != Initializer::kHe) {
    std::ranges::fill(tensor.f32(), spec.initializer == Initializer::kOne ? 1.0f : 0.0f);
    return;
  }
  Normals normals(random);
  const Shape& s = tensor.shape();
  const float deviation = std::sqrt(2.0f / static_cast<float>(s.c * s.plane()));
  for (float& v : tensor.f32()) {
    v = kind == Reinitialization::kHe ? deviation * normals.next()
                                      : kDeviation * normals.next_truncated();
  }
}

std::vector<std::vector<NodeId>> steps_of(const SanityRequest& request, const Graph& graph) {
  if (!request.steps.empty()) return request.steps;
  std::vector<std::vector<NodeId>> steps;
  for (const NodeId node : layers_to_randomize(graph)) steps.push_back({node});
  return steps;
}

}  // namespace

const char* to_string(Reinitialization kind) { return kNames.at(static_cast<std::size_t>(kind)); }

Reinitialization find_reinitialization(std::string_view name) {
  const auto* const found = std::ranges::find(kNames, name);
  if (found != kNames.end()) return static_cast<Reinitialization>(found - kNames.begin());
  throw Error(ErrorKind::kUsage, "what randomised weights become")
      .expected("truncated_normal, he or permutation")
      .got(std::string(name));
}

std::vector<NodeId> layers_to_randomize(const Graph& graph) {
  std::vector<NodeId> layers;
  for (NodeId id = logits_node(graph); id > 0; --id) {
    const auto specs = graph.parameters(id);
    if (std::ranges::any_of(specs, &ParameterSpec::trainable)) layers.push_back(id);
  }
  return layers;
}

Model randomized(const Model& model,
                 std::span<const NodeId> layers,
                 Reinitialization kind,
                 std::uint64_t seed) {
  Model copy(model.graph, model.parameters.clone());
  for (const NodeId node : layers) {
    const auto specs = model.graph.parameters(node);
    const auto tensors = copy.parameters.of(node);
    for (std::size_t k = 0; k < specs.size(); ++k) {
      if (!specs[k].trainable) continue;
      // A stream of random numbers a tensor.
      const auto stream = static_cast<std::uint64_t>(node) * 16 + k;
      reinitialize(tensors[k], specs[k], kind, Philox{seed, stream});
    }
  }
  copy.parameters.touch();
  return copy;
}

std::vector<SanityStep> sanity_check(const Model& model,
                                     const std::string& method,
                                     const Attributes& options,
                                     const Tensor& pictures,
                                     std::span<const std::int64_t> targets,
                                     const SanityRequest& request,
                                     const Stream& stream,
                                     const Session::Options& session,
                                     Observer& observer) {
  const Shape& s = pictures.shape();
  const auto plane = static_cast<std::size_t>(s.plane());
  const Tensor intact = make_explainer(model, method, options, stream, session)(pictures, targets);
  const auto steps = steps_of(request, model.graph);
  std::vector<NodeId> changed;
  std::vector<SanityStep> results;
  for (const auto& step : steps) {
    throw_if_cancelled(observer);
    if (!request.cascading) changed.clear();
    changed.insert(changed.end(), step.begin(), step.end());
    const Model other = randomized(model, changed, request.kind, request.seed);
    const Tensor maps = make_explainer(other, method, options, stream, session)(pictures, targets);
    SanityStep result;
    for (const NodeId node : step) result.layers.push_back(model.graph.node(node).name);
    for (std::size_t n = 0; n < targets.size(); ++n) {
      const auto height = static_cast<int>(s.h), width = static_cast<int>(s.w);
      const Map a{intact.f32().subspan(n * plane, plane), height, width};
      const Map b{maps.f32().subspan(n * plane, plane), height, width};
      result.similarity.push_back(compare_maps(a, b));
    }
    results.push_back(std::move(result));
    observer.progress("sanity check", static_cast<double>(results.size()),
                      static_cast<double>(steps.size()));
  }
  return results;
}

}  // namespace cutaway::explain
