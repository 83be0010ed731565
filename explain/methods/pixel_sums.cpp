#include "explain/methods/pixel_sums.h"

#include "kernels/vector_sums.h"
#include "runtime/parallel.h"

namespace cutaway::explain {

void PixelSums::add(std::span<const float> values,
                    double weight,
                    std::int64_t first,
                    std::int64_t last) {
  const auto at = static_cast<std::size_t>(first);
  kernels::add_moments(values.subspan(at, static_cast<std::size_t>(last) - at), weight,
                       sum_.data() + at, squares_.data() + at);
}

void PixelSums::parallel(int threads,
                         std::size_t size,
                         const std::function<void(std::int64_t, std::int64_t)>& body) {
  parallel_for(threads, static_cast<std::int64_t>(size), 8192, body);
}

}  // namespace cutaway::explain
