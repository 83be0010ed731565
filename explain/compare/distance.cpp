#include "explain/compare/distance.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "layers/graph.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

constexpr std::array kNames{
    "euclidean", "squared_euclidean", "unit_euclidean", "cosine", "mmd", "mmd_unbiased", "cka",
    "aligned"};

double vector_distance(DistanceKind distance, double aa, double bb, double ab) {
  switch (distance) {
    case DistanceKind::kSquaredEuclidean:
      return std::max(0.0, aa + bb - 2.0 * ab);
    case DistanceKind::kUnitEuclidean: {
      const double cosine = aa > 0.0 && bb > 0.0 ? ab / std::sqrt(aa * bb) : 0.0;
      const double units = (aa > 0.0 ? 1.0 : 0.0) + (bb > 0.0 ? 1.0 : 0.0);
      return std::sqrt(std::max(0.0, units - 2.0 * cosine));
    }
    case DistanceKind::kCosine:
      return 1.0 - ab / (std::sqrt(aa * bb) + 1e-12);
    default:
      return std::sqrt(std::max(0.0, aa + bb - 2.0 * ab));
  }
}

}  // namespace

const char* to_string(DistanceKind distance) {
  return kNames.at(static_cast<std::size_t>(distance));
}

std::vector<std::string> distance_names() { return {kNames.begin(), kNames.end()}; }

DistanceKind find_distance(std::string_view name) {
  const auto* const found = std::ranges::find(kNames, name);
  if (found != kNames.end()) return static_cast<DistanceKind>(found - kNames.begin());
  std::string hint = "did you mean";
  for (const std::string& near : nearest_names(name, distance_names())) hint += " '" + near + "'";
  throw Error(ErrorKind::kUsage, "unknown distance '" + std::string(name) + "'").hint(hint);
}

bool compares_maps(DistanceKind distance) { return distance >= DistanceKind::kMmdBiased; }

DistanceMatrix pairwise_distances(const FeatureMatrix& features,
                                  DistanceKind distance,
                                  int threads) {
  if (compares_maps(distance)) {
    throw Error(ErrorKind::kUsage, "distance between vectors")
        .expected("euclidean, squared_euclidean, unit_euclidean or cosine")
        .got(to_string(distance));
  }
  DistanceMatrix matrix{features.rows, inner_products(features, features, threads)};
  const std::int64_t n = matrix.n;
  std::vector<double> squares;
  for (std::int64_t i = 0; i < n; ++i) squares.push_back(matrix.at(i, i));
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = i; j < n; ++j) {
      // The diagonal is 0 by definition; the formulas leave rounding there, and 1 for zeros.
      const double d = i == j
                           ? 0.0
                           : vector_distance(distance, squares[static_cast<std::size_t>(i)],
                                             squares[static_cast<std::size_t>(j)], matrix.at(i, j));
      matrix.values[static_cast<std::size_t>(i * n + j)] = d;
      matrix.values[static_cast<std::size_t>(j * n + i)] = d;
    }
  }
  return matrix;
}

}  // namespace cutaway::explain
