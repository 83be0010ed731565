#include "layers/model.h"

#include <algorithm>
#include <cmath>

#include "runtime/error.h"

namespace cutaway {
namespace {

void fill(Tensor& tensor, const ParameterSpec& spec, const Philox& random) {
  const std::span<float> values = tensor.f32();
  if (spec.initializer != Initializer::kHe) {
    std::ranges::fill(values, spec.initializer == Initializer::kOne ? 1.0f : 0.0f);
    return;
  }
  const double fan_in = static_cast<double>(spec.shape.c * spec.shape.h * spec.shape.w);
  const float deviation = static_cast<float>(std::sqrt(2.0 / fan_in));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = deviation * normal(random, i);
}

}  // namespace

Parameters Parameters::initialized(const Graph& graph, std::uint64_t seed) {
  Parameters result = zeroed(graph);
  for (NodeId id = 0; id < graph.size(); ++id) {
    std::uint64_t index = 0;
    for (const ParameterSpec& spec : graph.parameters(id)) {
      fill(result.of(id)[index], spec, {seed, static_cast<std::uint64_t>(id) * 16 + index});
      ++index;
    }
  }
  return result;
}

Parameters Parameters::zeroed(const Graph& graph) {
  Parameters result;
  for (NodeId id = 0; id < graph.size(); ++id) {
    Slot& slot = result.slots_.emplace_back();
    slot.origin = id;
    for (const ParameterSpec& spec : graph.parameters(id)) {
      slot.tensors->push_back(zeros(spec.shape));
    }
  }
  return result;
}

Parameters Parameters::shared(std::span<const NodeId> nodes) const {
  Parameters result;
  result.version_ = version_;
  for (const NodeId node : nodes) {
    result.slots_.push_back(node < 0 ? Slot() : slot(node));
  }
  return result;
}

const Parameters::Slot& Parameters::slot(NodeId node) const {
  check(node >= 0 && static_cast<std::size_t>(node) < slots_.size(), "parameters of no node");
  return slots_[static_cast<std::size_t>(node)];
}

std::span<const Tensor> Parameters::of(NodeId node) const { return *slot(node).tensors; }

std::span<Tensor> Parameters::of(NodeId node) { return *slot(node).tensors; }

std::string Parameters::key(NodeId node) const {
  return std::to_string(slot(node).origin) + ":" + std::to_string(version_);
}

Parameters Parameters::to(Device device) const {
  Parameters copy;
  copy.version_ = version_;
  for (const Slot& slot : slots_) {
    Slot& target = copy.slots_.emplace_back();
    target.origin = slot.origin;
    for (const Tensor& tensor : *slot.tensors) target.tensors->push_back(to_device(tensor, device));
  }
  return copy;
}

}  // namespace cutaway
