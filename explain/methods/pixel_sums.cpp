#include "explain/methods/pixel_sums.h"

#include "runtime/parallel.h"

namespace cutaway::explain {

void PixelSums::add(std::span<const float> values,
                    double weight,
                    std::int64_t first,
                    std::int64_t last) {
  for (auto i = static_cast<std::size_t>(first); i < static_cast<std::size_t>(last); ++i) {
    const double g = static_cast<double>(values[i]);
    sum_[i] += weight * g;
    squares_[i] += weight * g * g;
  }
}

void PixelSums::parallel(int threads,
                         std::size_t size,
                         const std::function<void(std::int64_t, std::int64_t)>& body) {
  parallel_for(threads, static_cast<std::int64_t>(size), 8192, body);
}

}  // namespace cutaway::explain
