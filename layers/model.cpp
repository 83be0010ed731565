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
  Parameters result;
  result.tensors_.resize(static_cast<std::size_t>(graph.size()));
  for (NodeId id = 0; id < graph.size(); ++id) {
    std::uint64_t index = 0;
    for (const ParameterSpec& spec : graph.parameters(id)) {
      Tensor tensor(kCpuDevice, DType::kF32, spec.shape);
      fill(tensor, spec, {seed, static_cast<std::uint64_t>(id) * 16 + index++});
      result.tensors_[static_cast<std::size_t>(id)].push_back(std::move(tensor));
    }
  }
  return result;
}

Parameters Parameters::zeroed(const Graph& graph) {
  Parameters result;
  result.tensors_.resize(static_cast<std::size_t>(graph.size()));
  for (NodeId id = 0; id < graph.size(); ++id) {
    for (const ParameterSpec& spec : graph.parameters(id)) {
      result.tensors_[static_cast<std::size_t>(id)].push_back(zeros(spec.shape));
    }
  }
  return result;
}

std::span<const Tensor> Parameters::of(NodeId node) const {
  check(node >= 0 && static_cast<std::size_t>(node) < tensors_.size(), "parameters of no node");
  return tensors_[static_cast<std::size_t>(node)];
}

std::span<Tensor> Parameters::of(NodeId node) {
  check(node >= 0 && static_cast<std::size_t>(node) < tensors_.size(), "parameters of no node");
  return tensors_[static_cast<std::size_t>(node)];
}

Parameters Parameters::to(Device device) const {
  Parameters copy;
  copy.version_ = version_;
  for (const auto& node : tensors_) {
    auto& target = copy.tensors_.emplace_back();
    for (const Tensor& tensor : node) target.push_back(to_device(tensor, device));
  }
  return copy;
}

}  // namespace cutaway
