#include "layers/training/optimizer.h"

#include <algorithm>
#include <cmath>

#include "kernels/elementwise.h"
#include "kernels/update.h"
#include "runtime/error.h"

namespace cutaway {

Optimizer::Optimizer(const Model& model, Device device, const OptimizerOptions& options)
    : options_(options) {
  for (NodeId id = 0; id < model.graph.size(); ++id) {
    const auto specs = model.graph.parameters(id);
    for (std::size_t i = 0; i < specs.size(); ++i) {
      if (!specs[i].trainable) continue;
      const auto blank = [&] { return to_device(zeros(specs[i].shape), device); };
      const bool adam = options.kind == OptimizerOptions::Kind::kAdam;
      entries_.push_back({id, i, specs[i].decays, blank(), adam ? blank() : Tensor()});
    }
  }
}

void Optimizer::step(Stream& stream,
                     Parameters& parameters,
                     const Parameters& gradients,
                     float rate) {
  ++steps_;
  for (Entry& e : entries_) {
    float* w = parameters.of(e.node)[e.index].ref().out().data;
    const float* g = gradients.of(e.node)[e.index].ref().in().data;
    const std::int64_t count = e.first.shape().count();
    const float decay = e.decays ? options_.weight_decay : 0.0f;
    if (options_.kind == OptimizerOptions::Kind::kSgd) {
      kernels::run(stream, kernels::SgdUpdate{w, g, e.first.ref().out().data, count, rate,
                                              options_.momentum, decay, options_.nesterov});
    } else {
      kernels::run(stream,
                   kernels::AdamUpdate{w, g, e.first.ref().out().data, e.second.ref().out().data,
                                       count, rate, options_.momentum, options_.beta2, options_.eps,
                                       decay, steps_});
    }
  }
  parameters.touch();
}

float cosine_rate(std::int64_t step, std::int64_t total, std::int64_t warmup, float peak) {
  if (step < warmup) return peak * static_cast<float>(step + 1) / static_cast<float>(warmup);
  const double span = static_cast<double>(std::max<std::int64_t>(1, total - warmup));
  const double done = std::min(1.0, static_cast<double>(step - warmup) / span);
  return peak * static_cast<float>(0.5 * (1.0 + std::cos(3.14159265358979323846 * done)));
}

}  // namespace cutaway
