#pragma once

#include <span>
#include <vector>

namespace cutaway::explain::graph {

/// What processes that each hold a shard of the images must exchange; this one is for a single
/// process. Every process calls the same functions in the same order.
class Reducer {
 public:
  Reducer() = default;
  Reducer(const Reducer&) = delete;
  Reducer& operator=(const Reducer&) = delete;
  virtual ~Reducer() = default;
  /// Replaces every entry by its sum over all processes.
  virtual void sum(std::span<double> values);
  /// The values of all processes, one after the other in a fixed order.
  virtual std::vector<float> gather(std::vector<float> values);
  /// Whether there is one process only, so that sums may stay where they are.
  [[nodiscard]] bool alone() const;
};

}  // namespace cutaway::explain::graph
