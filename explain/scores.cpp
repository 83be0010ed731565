#include "explain/scores.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace cutaway::explain {

std::vector<double> probabilities(const Tensor& scores, std::int64_t n) {
  const auto classes = static_cast<std::size_t>(scores.shape().c);
  const auto row = scores.f32().subspan(static_cast<std::size_t>(n) * classes, classes);
  const double most = static_cast<double>(*std::max_element(row.begin(), row.end()));
  std::vector<double> p(classes);
  for (std::size_t c = 0; c < classes; ++c) p[c] = std::exp(static_cast<double>(row[c]) - most);
  const double sum = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& v : p) v /= sum;
  return p;
}

std::vector<std::int64_t> top(std::span<const double> values, std::size_t k) {
  std::vector<std::int64_t> order(values.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  const auto at = [&](std::int64_t i) { return values[static_cast<std::size_t>(i)]; };
  k = std::min(k, order.size());
  std::partial_sort(
      order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k), order.end(),
      [&](std::int64_t a, std::int64_t b) { return at(a) != at(b) ? at(a) > at(b) : a < b; });
  order.resize(k);
  return order;
}

}  // namespace cutaway::explain
