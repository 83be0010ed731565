#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "layers/model.h"
#include "layers/training/named_tensor.h"

namespace cutaway {

/// An exponential moving average of a model's trainable parameters (Polyak & Juditsky 1992): a <- d
/// a + (1 - d) w after every update, d = min(decay, (1 + t) / (10 + t)) at update t, so that the
/// first ones do not count for ever. Running estimates of batch normalisation are averages already,
/// and are taken as they are.
class ParameterAverage {
 public:
  /// Begins at `parameters`, on the same device. `decay` in (0, 1).
  ParameterAverage(const Graph& graph, const Parameters& parameters, float decay);
  void update(Stream& stream, const Parameters& parameters);
  /// The averages, with the other parameters of `now`, on the CPU.
  [[nodiscard]] Parameters parameters(const Parameters& now) const;

  [[nodiscard]] std::int64_t updates() const noexcept { return updates_; }
  [[nodiscard]] std::vector<NamedTensor> state() const;  ///< NODE/PARAMETER/average
  void restore(std::int64_t updates, std::span<const NamedTensor> state);

 private:
  struct Entry {
    NodeId node;
    std::size_t index;
    std::string name;
    Tensor average;
  };
  std::vector<Entry> entries_;
  float decay_;
  std::int64_t updates_{0};
};

}  // namespace cutaway
