#include "explain/correspondence.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "runtime/error.h"

namespace cutaway::explain {

Correspondence correspondence(const Tensor& whole, const Tensor& hidden) {
  const Shape& s = whole.shape();
  if (!(s == hidden.shape()) || s.n < 2) {
    throw Error(ErrorKind::kShape, "features of whole and occluded images")
        .expected("one shape, at least two images")
        .got(to_string(s) + " and " + to_string(hidden.shape()));
  }
  const auto features = static_cast<std::size_t>(s.count() / s.n),
             images = static_cast<std::size_t>(s.n);
  std::vector<std::int8_t> sign(features * images);
  for (std::size_t n = 0; n < images; ++n) {
    double most = 0.0;
    for (const float v : whole.f32().subspan(n * features, features))
      most = std::max(most, std::abs(double{v}));
    for (std::size_t d = n * features; d < (n + 1) * features; ++d) {
      const double change = double{whole.f32()[d]} - double{hidden.f32()[d]};
      if (!(std::abs(change) > 1e-6 * most)) continue;
      sign[d] = change > 0.0 ? std::int8_t{1} : std::int8_t{-1};
    }
  }
  std::vector<double> distances;
  for (std::size_t i = 0; i < images; ++i) {
    for (std::size_t j = i + 1; j < images; ++j) {
      double differ = 0.0;
      for (std::size_t d = 0; d < features; ++d)
        differ += sign[i * features + d] != sign[j * features + d] ? 1.0 : 0.0;
      distances.push_back(differ);
    }
  }
  Correspondence result;
  const auto pairs = static_cast<double>(distances.size()), count = static_cast<double>(features);
  for (const double d : distances) result.sum += 2.0 * d;
  result.mean = result.sum / (2.0 * pairs * count);
  for (const double d : distances) result.deviation += std::pow(d / count - result.mean, 2.0);
  result.deviation = std::sqrt(result.deviation / pairs);
  return result;
}

}  // namespace cutaway::explain
