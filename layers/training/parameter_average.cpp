#include "layers/training/parameter_average.h"

#include <algorithm>

#include "kernels/update.h"

namespace cutaway {

ParameterAverage::ParameterAverage(const Graph& graph, const Parameters& parameters, float decay)
    : decay_(decay) {
  for (NodeId id = 0; id < graph.size(); ++id) {
    const auto specs = graph.parameters(id);
    for (std::size_t i = 0; i < specs.size(); ++i) {
      if (!specs[i].trainable) continue;
      const Tensor& w = parameters.of(id)[i];
      entries_.push_back({id, i, graph.node(id).name + "/" + specs[i].name + "/average",
                          to_device(w, w.device())});
    }
  }
}

void ParameterAverage::update(Stream& stream, const Parameters& parameters) {
  const auto t = static_cast<float>(updates_++);
  const float decay = std::min(decay_, (1.0f + t) / (10.0f + t));
  for (Entry& e : entries_) {
    kernels::run(stream, kernels::MovingAverage{parameters.of(e.node)[e.index].ref().in().data,
                                                e.average.ref().out().data,
                                                e.average.shape().count(), decay});
  }
}

Parameters ParameterAverage::parameters(const Parameters& now) const {
  Parameters all = now.to(kCpuDevice);
  for (const Entry& e : entries_) all.of(e.node)[e.index] = to_device(e.average, kCpuDevice);
  return all;
}

std::vector<NamedTensor> ParameterAverage::state() const {
  std::vector<NamedTensor> all;
  for (const Entry& e : entries_) all.push_back({e.name, to_device(e.average, kCpuDevice)});
  return all;
}

void ParameterAverage::restore(std::int64_t updates, std::span<const NamedTensor> state) {
  for (Entry& e : entries_) copy_named(state, e.name, e.average);
  updates_ = updates;
}

}  // namespace cutaway
