#include "layers/training/initialize.h"

#include <cmath>

namespace cutaway {

double initial_deviation(InitialWeights how, const Shape& s) {
  const auto fan_in = static_cast<double>(s.c * s.plane());
  const auto fan_out = static_cast<double>(s.n * s.plane());
  switch (how) {
    case InitialWeights::kHe:
      return std::sqrt(2.0 / fan_in);
    case InitialWeights::kXavier:
      return std::sqrt(2.0 / (fan_in + fan_out));
    case InitialWeights::kGaussian:
      break;
  }
  return 0.01;
}

Parameters initial_parameters(const Graph& graph, InitialWeights how, std::uint64_t seed) {
  Parameters all = Parameters::initialized(graph, seed);
  if (how == InitialWeights::kHe) return all;
  for (NodeId id = 0; id < graph.size(); ++id) {
    const auto specs = graph.parameters(id);
    for (std::size_t i = 0; i < specs.size(); ++i) {
      if (specs[i].initializer != Initializer::kHe) continue;
      const auto scale = static_cast<float>(initial_deviation(how, specs[i].shape) /
                                            initial_deviation(InitialWeights::kHe, specs[i].shape));
      for (float& w : all.of(id)[i].f32()) w *= scale;
    }
  }
  return all;
}

}  // namespace cutaway
