#include "explain/scores.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "explain/probability.h"

namespace cutaway::explain {

std::vector<double> probabilities(const Tensor& scores, std::int64_t n) {
  const auto classes = static_cast<std::size_t>(scores.shape().c);
  return probabilities(scores.f32().subspan(static_cast<std::size_t>(n) * classes, classes));
}

std::vector<std::int64_t> top(std::span<const double> values, std::size_t k) {
  std::vector<std::int64_t> order(values.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  // NaN is behind everything: it has no place in an order.
  const auto at = [&](std::int64_t i) {
    const double v = values[static_cast<std::size_t>(i)];
    return std::isnan(v) ? -std::numeric_limits<double>::infinity() : v;
  };
  k = std::min(k, order.size());
  std::partial_sort(
      order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k), order.end(),
      [&](std::int64_t a, std::int64_t b) { return at(a) != at(b) ? at(a) > at(b) : a < b; });
  order.resize(k);
  return order;
}

}  // namespace cutaway::explain
