#include "explain/compare/evidence.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "runtime/error.h"

namespace cutaway::explain {
namespace {

void check_maps(const Tensor& a, const Tensor& b) {
  if (a.shape().n == 1 && b.shape().n == 1 && a.shape().c == b.shape().c) return;
  throw Error(ErrorKind::kShape, "maps of two pictures")
      .expected("one picture each, and equally many maps")
      .got(to_string(a.shape()) + " and " + to_string(b.shape()));
}

std::span<const float> map_of(const Tensor& x, std::size_t channel) {
  const auto plane = static_cast<std::size_t>(x.shape().plane());
  return x.f32().subspan(channel * plane, plane);
}

std::vector<double> means_of(const Tensor& x, double least) {
  std::vector<double> means;
  for (std::int64_t c = 0; c < x.shape().c; ++c) {
    double sum = 0.0;
    for (const float v : map_of(x, static_cast<std::size_t>(c))) {
      sum += std::max(static_cast<double>(v), least);
    }
    means.push_back(sum / static_cast<double>(x.shape().plane()));
  }
  return means;
}

double norm_of(const std::vector<double>& v) {
  return std::sqrt(std::inner_product(v.begin(), v.end(), v.begin(), 0.0));
}

Tensor one_map(const std::vector<double>& values, const Shape& like) {
  Tensor map = zeros({1, 1, like.h, like.w});
  std::ranges::transform(values, map.f32().begin(), [](double v) { return static_cast<float>(v); });
  return map;
}

}  // namespace

std::vector<double> contributions(std::span<const float> a,
                                  std::span<const float> b,
                                  DistanceKind distance) {
  if (compares_maps(distance)) {
    throw Error(ErrorKind::kUsage, "contributions of a distance between maps")
        .hint("euclidean or cosine");
  }
  if (a.size() != b.size()) {
    throw Error(ErrorKind::kShape, "vectors of two pictures")
        .expected(std::to_string(a.size()))
        .got(std::to_string(b.size()));
  }
  std::vector<double> values(a.size());
  double aa = 0.0, bb = 0.0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    const auto x = static_cast<double>(a[k]), y = static_cast<double>(b[k]);
    aa += x * x;
    bb += y * y;
    const bool squares =
        distance == DistanceKind::kEuclidean || distance == DistanceKind::kSquaredEuclidean;
    values[k] = squares ? (x - y) * (x - y) : x * y;
  }
  if (distance == DistanceKind::kCosine || distance == DistanceKind::kUnitEuclidean) {
    const double scale = aa > 0.0 && bb > 0.0 ? 1.0 / std::sqrt(aa * bb) : 0.0;
    for (double& v : values) v *= scale;
  }
  return values;
}

std::vector<std::int64_t> largest(std::span<const double> values, std::int64_t count) {
  std::vector<std::int64_t> order(values.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  const auto taken = std::min<std::size_t>(
      static_cast<std::size_t>(std::max<std::int64_t>(count, 0)), order.size());
  const auto value = [&](std::int64_t k) { return values[static_cast<std::size_t>(k)]; };
  std::ranges::partial_sort(order, order.begin() + static_cast<std::ptrdiff_t>(taken),
                            [&](std::int64_t i, std::int64_t j) {
                              return value(i) != value(j) ? value(i) > value(j) : i < j;
                            });
  order.resize(taken);
  return order;
}

Tensor likeness_map(const Tensor& a, const Tensor& b) {
  check_maps(a, b);
  constexpr double kAll = -std::numeric_limits<double>::infinity();
  const std::vector<double> mine = means_of(a, kAll), other = means_of(b, kAll);
  const double scale = norm_of(mine) * norm_of(other);
  std::vector<double> sum(static_cast<std::size_t>(a.shape().plane()), 0.0);
  for (std::size_t k = 0; scale > 0.0 && k < mine.size(); ++k) {
    const auto map = map_of(a, k);
    for (std::size_t p = 0; p < sum.size(); ++p) {
      sum[p] += static_cast<double>(map[p]) * other[k] / scale;
    }
  }
  return one_map(sum, a.shape());
}

PairEvidence pair_evidence(const Tensor& a, const Tensor& b) {
  check_maps(a, b);
  const std::vector<double> mine = means_of(a, 0.0), other = means_of(b, 0.0);
  const auto plane = static_cast<std::size_t>(a.shape().plane());
  std::vector<double> shared(plane, 0.0), alone(plane, 0.0);
  double least = 0.0, most = 0.0;
  for (std::size_t k = 0; k < mine.size(); ++k) {
    least += std::min(mine[k], other[k]);
    most += std::max(mine[k], other[k]);
    if (!(mine[k] > 0.0)) continue;
    const double share = std::min(mine[k], other[k]) / mine[k];
    const auto map = map_of(a, k);
    for (std::size_t p = 0; p < plane; ++p) {
      const double v = std::max(static_cast<double>(map[p]), 0.0);
      shared[p] += share * v;
      alone[p] += (1.0 - share) * v;
    }
  }
  return {one_map(shared, a.shape()), one_map(alone, a.shape()), most > 0.0 ? least / most : 0.0};
}

}  // namespace cutaway::explain
