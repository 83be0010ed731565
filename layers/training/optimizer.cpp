#include "layers/training/optimizer.h"

#include <algorithm>
#include <cmath>

#include "kernels/update.h"
#include "runtime/error.h"

namespace cutaway {
namespace {

float decay_of(const Graph& graph,
               NodeId node,
               const ParameterSpec& spec,
               const OptimizerOptions& o) {
  if (spec.decays) return o.weight_decay;
  return graph.node(node).layer->kind() == LayerKind::kBatchNorm ? o.norm_decay : o.bias_decay;
}

void require(bool good, const char* what, const char* expected, float got) {
  if (!good)
    throw Error(ErrorKind::kUsage, what)
        .at("optimizer")
        .expected(expected)
        .got(std::to_string(got));
}

void validate(const OptimizerOptions& o) {
  require(o.momentum >= 0.0f && o.momentum < 1.0f, "momentum", "0 <= momentum < 1", o.momentum);
  require(o.beta2 >= 0.0f && o.beta2 < 1.0f, "beta2", "0 <= beta2 < 1", o.beta2);
  require(o.eps > 0.0f, "eps", "above 0", o.eps);
  for (const float decay : {o.weight_decay, o.bias_decay, o.norm_decay})
    require(decay >= 0.0f && decay <= 1.0f, "decay", "0 to 1", decay);
  for (const float clip : {o.clip_norm, o.clip_value})
    require(clip >= 0.0f && std::isfinite(clip), "clipping of gradients", "0 (none) or above",
            clip);
}

}  // namespace

Optimizer::Optimizer(const Model& model,
                     Device device,
                     const OptimizerOptions& options,
                     std::span<const NodeId> frozen)
    : options_(options) {
  validate(options);
  const bool adam = options.kind != OptimizerOptions::Kind::kSgd;
  for (NodeId id = 0; id < model.graph.size(); ++id) {
    if (std::ranges::find(frozen, id) != frozen.end()) continue;
    const auto specs = model.graph.parameters(id);
    for (std::size_t i = 0; i < specs.size(); ++i) {
      if (!specs[i].trainable) continue;
      const auto blank = [&] { return to_device(zeros(specs[i].shape), device); };
      Entry& e = entries_.emplace_back();
      e.node = id;
      e.index = i;
      e.name = model.graph.node(id).name + "/" + specs[i].name;
      e.decay = decay_of(model.graph, id, specs[i], options);
      e.first = blank();
      if (adam) e.second = blank();
      if (options.clip_norm > 0.0f) {
        // Doubles, in a tensor of bytes.
        const std::int64_t pieces = kernels::square_sum_pieces(specs[i].shape.count());
        const auto bytes = pieces * static_cast<std::int64_t>(sizeof(double));
        e.sums = Tensor(device, DType::kU8, {1, bytes, 1, 1});
      }
    }
  }
}

double Optimizer::gradient_norm(Stream& stream, const Parameters& gradients) {
  const auto pieces_of = [](const Entry& e) {
    return reinterpret_cast<double*>(e.sums.ref().data());
  };
  for (Entry& e : entries_) {
    const float* g = gradients.of(e.node)[e.index].ref().in().data;
    kernels::run(stream, kernels::SquareSum{g, e.first.shape().count(), pieces_of(e)});
  }
  synchronize(stream);
  double total = 0.0;
  std::vector<double> here;
  for (const Entry& e : entries_) {
    here.resize(e.sums.bytes() / sizeof(double));
    copy_bytes(here.data(), kCpuDevice, e.sums.ref().data(), e.sums.device(), e.sums.bytes());
    for (const double piece : here) total += piece;
  }
  return std::sqrt(total);
}

void Optimizer::update(
    Stream& stream, Entry& e, float* w, const float* g, float rate, float scale) {
  const std::int64_t count = e.first.shape().count();
  float* first = e.first.ref().out().data;
  if (options_.kind == OptimizerOptions::Kind::kSgd) {
    kernels::SgdUpdate k{w, g, first, count, rate, options_.momentum, e.decay, options_.nesterov};
    k.scale = scale;
    k.clip = options_.clip_value;
    kernels::run(stream, k);
    return;
  }
  kernels::AdamUpdate k{w,
                        g,
                        first,
                        e.second.ref().out().data,
                        count,
                        rate,
                        options_.momentum,
                        options_.beta2,
                        options_.eps,
                        e.decay,
                        steps_};
  k.l2 = options_.kind == OptimizerOptions::Kind::kAdam;
  k.scale = scale;
  k.clip = options_.clip_value;
  kernels::run(stream, k);
}

double Optimizer::step(Stream& stream,
                       Parameters& parameters,
                       const Parameters& gradients,
                       float rate) {
  ++steps_;
  double norm = 0.0;
  float scale = 1.0f;
  if (options_.clip_norm > 0.0f) {
    norm = gradient_norm(stream, gradients);
    const double most = static_cast<double>(options_.clip_norm);
    if (norm > most) scale = static_cast<float>(most / (norm + 1e-6));
  }
  for (Entry& e : entries_) {
    update(stream, e, parameters.of(e.node)[e.index].ref().out().data,
           gradients.of(e.node)[e.index].ref().in().data, rate, scale);
  }
  parameters.touch();
  return norm;
}

std::vector<NamedTensor> Optimizer::state() const {
  std::vector<NamedTensor> all;
  for (const Entry& e : entries_) {
    all.push_back({e.name + "/first", to_device(e.first, kCpuDevice)});
    if (!e.second.empty()) all.push_back({e.name + "/second", to_device(e.second, kCpuDevice)});
  }
  return all;
}

void Optimizer::restore(std::int64_t steps, std::span<const NamedTensor> state) {
  for (Entry& e : entries_) {
    copy_named(state, e.name + "/first", e.first);
    if (!e.second.empty()) copy_named(state, e.name + "/second", e.second);
  }
  steps_ = steps;
}

float cosine_rate(std::int64_t step, std::int64_t total, std::int64_t warmup, float peak) {
  if (step < warmup) return peak * static_cast<float>(step + 1) / static_cast<float>(warmup);
  const double span = static_cast<double>(std::max<std::int64_t>(1, total - warmup));
  const double done = std::min(1.0, static_cast<double>(step - warmup) / span);
  return peak * static_cast<float>(0.5 * (1.0 + std::cos(3.14159265358979323846 * done)));
}

}  // namespace cutaway
