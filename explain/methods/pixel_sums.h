#pragma once

#include <span>
#include <vector>

#include "explain/evaluator.h"

namespace cutaway::explain {

/// Weighted sums over samples, element by element, in double and in the order of the samples: the
/// same bits for any number of threads.
class PixelSums {
 public:
  explicit PixelSums(std::size_t size) : sum_(size), squares_(size) {}

  /// sum += weight * g, squares += weight * g^2 for the gradients of a batch; `weight(sample)` by
  /// sample number.
  template <class Weight>
  void add(const Evaluator::Batch& batch, int threads, const Weight& weight);

  [[nodiscard]] std::span<const double> sum() const noexcept { return sum_; }
  [[nodiscard]] std::span<const double> squares() const noexcept { return squares_; }

 private:
  void add(std::span<const float> values, double weight, std::int64_t first, std::int64_t last);
  static void parallel(int threads,
                       std::size_t size,
                       const std::function<void(std::int64_t, std::int64_t)>& body);

  std::vector<double> sum_, squares_;
};

template <class Weight>
void PixelSums::add(const Evaluator::Batch& batch, int threads, const Weight& weight) {
  parallel(threads, sum_.size(), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = 0; i < batch.count; ++i) {
      add(batch.gradient_of(i), weight(batch.first + i), first, last);
    }
  });
}

}  // namespace cutaway::explain
