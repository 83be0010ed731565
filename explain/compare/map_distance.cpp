// Distances between maps: each picture is a set of position vectors.
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "explain/compare/distance.h"
#include "runtime/error.h"
#include "runtime/parallel.h"

namespace cutaway::explain {
namespace {

using Matrix = Eigen::MatrixXd;

// Enough for a median, and its square of distances is quickly made.
constexpr std::int64_t kMedianSample = 1000;

/// The maps of picture i as positions x channels.
Matrix positions_of(const MapSet& maps, std::int64_t i) {
  const std::int64_t plane = maps.shape.plane();
  Matrix m(plane, maps.shape.c);
  const auto values = maps.flat.row(i);
  for (std::int64_t c = 0; c < maps.shape.c; ++c) {
    for (std::int64_t p = 0; p < plane; ++p) {
      m(p, c) = static_cast<double>(values[static_cast<std::size_t>(c * plane + p)]);
    }
  }
  return m;
}

Matrix squared_distances(const Matrix& u, const Matrix& v) {
  Matrix d = -2.0 * (u * v.transpose());
  d.colwise() += u.rowwise().squaredNorm();
  d.rowwise() += v.rowwise().squaredNorm().transpose();
  return d.cwiseMax(0.0);
}

double kernel_mean(const Matrix& u, const Matrix& v, double sigma, bool leave_out_diagonal) {
  Matrix k = squared_distances(u, v);
  // A point's distance to itself is 0; the formula leaves rounding there.
  if (&u == &v) k.diagonal().setZero();
  double sum = 0.0;
  const double scale = -0.5 / (sigma * sigma);
  for (Eigen::Index j = 0; j < k.cols(); ++j) {
    for (Eigen::Index i = 0; i < k.rows(); ++i) {
      if (leave_out_diagonal && i == j) continue;
      // Where all vectors are equal the median is 0, and so is every distance.
      sum += k(i, j) == 0.0 ? 1.0 : std::exp(k(i, j) * scale);
    }
  }
  const auto rows = static_cast<double>(k.rows());
  return sum / (rows * (leave_out_diagonal ? rows - 1.0 : static_cast<double>(k.cols())));
}

double mmd_of(const Matrix& u, const Matrix& v, double uu, double vv, double sigma) {
  return uu + vv - 2.0 * kernel_mean(u, v, sigma, false);
}

/// |X^T Y|_F^2 for Z x C matrices with rows = channels, so the products are Z x Z.
double cross(const Matrix& u, const Matrix& v) { return (u * v.transpose()).squaredNorm(); }

double aligned(const MapSet& maps, std::int64_t i, std::int64_t j) {
  const auto a = maps.flat.row(i), b = maps.flat.row(j);
  const auto plane = static_cast<std::size_t>(maps.shape.plane());
  double sum = 0.0, total = 0.0;
  for (std::size_t p = 0; p < plane; ++p) {
    const double weight = maps.masks == nullptr ? 1.0
                                                : static_cast<double>(maps.masks->row(i)[p]) *
                                                      static_cast<double>(maps.masks->row(j)[p]);
    if (weight == 0.0) continue;
    double square = 0.0;
    for (std::size_t k = p; k < a.size(); k += plane) {
      const double d = static_cast<double>(a[k]) - static_cast<double>(b[k]);
      square += d * d;
    }
    sum += weight * square;
    total += weight;
  }
  return total > 0.0 ? sum / total : std::numeric_limits<double>::quiet_NaN();
}

void check_set(const MapSet& maps, DistanceKind distance) {
  validate(maps.flat, "maps of several pictures");
  if (maps.flat.columns != maps.shape.c * maps.shape.plane()) {
    throw Error(ErrorKind::kShape, "maps of several pictures")
        .expected(std::to_string(maps.shape.c * maps.shape.plane()) + " values a picture")
        .got(std::to_string(maps.flat.columns));
  }
  if (distance == DistanceKind::kAligned && maps.masks != nullptr &&
      (maps.masks->rows != maps.flat.rows || maps.masks->columns != maps.shape.plane())) {
    throw Error(ErrorKind::kShape, "masks of several pictures")
        .expected(std::to_string(maps.flat.rows) + " x " + std::to_string(maps.shape.plane()))
        .got(std::to_string(maps.masks->rows) + " x " + std::to_string(maps.masks->columns));
  }
  if (distance == DistanceKind::kMmdUnbiased && maps.shape.plane() < 2) {
    throw Error(ErrorKind::kUsage, "unbiased MMD of a layer without a plane")
        .hint("mmd, or a layer of maps");
  }
}

/// What is computed once a picture.
struct Prepared {
  std::vector<Matrix> maps;
  std::vector<double> self;
};

Prepared prepare(const MapSet& maps, DistanceKind distance, double sigma, int threads) {
  Prepared p;
  const std::int64_t n = maps.flat.rows;
  p.maps.resize(static_cast<std::size_t>(n));
  p.self.resize(static_cast<std::size_t>(n));
  parallel_for(threads, n, 1, [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t i = from; i < to; ++i) {
      Matrix& m = p.maps[static_cast<std::size_t>(i)];
      m = positions_of(maps, i);
      double& self = p.self[static_cast<std::size_t>(i)];
      if (distance == DistanceKind::kCka) {
        m.colwise() -= Eigen::VectorXd(m.rowwise().mean());  // a column a position, over channels
        self = std::sqrt(cross(m, m));
      } else {
        self = kernel_mean(m, m, sigma, distance == DistanceKind::kMmdUnbiased);
      }
    }
  });
  return p;
}

double between(const MapSet& maps,
               const Prepared& p,
               DistanceKind distance,
               double sigma,
               std::int64_t i,
               std::int64_t j) {
  if (distance == DistanceKind::kAligned) return aligned(maps, i, j);
  const auto a = static_cast<std::size_t>(i), b = static_cast<std::size_t>(j);
  if (distance != DistanceKind::kCka) {
    return mmd_of(p.maps[a], p.maps[b], p.self[a], p.self[b], sigma);
  }
  const double scale = p.self[a] * p.self[b];
  return scale > 0.0 ? 1.0 - cross(p.maps[a], p.maps[b]) / scale : 1.0;
}

}  // namespace

double mmd(const FeatureMatrix& u, const FeatureMatrix& v, double sigma, bool biased) {
  validate(u, "first sample");
  validate(v, "second sample");
  if (u.columns != v.columns || (!biased && (u.rows < 2 || v.rows < 2))) {
    throw Error(ErrorKind::kShape, "samples of an MMD")
        .expected("vectors of equal length, and at least two a sample where it is unbiased");
  }
  if (!(sigma > 0.0)) throw Error(ErrorKind::kUsage, "bandwidth of an MMD").expected("above 0");
  const auto matrix = [](const FeatureMatrix& f) {
    Matrix m(f.rows, f.columns);
    for (std::int64_t i = 0; i < f.rows; ++i) {
      for (std::int64_t j = 0; j < f.columns; ++j) {
        m(i, j) = static_cast<double>(f.row(i)[static_cast<std::size_t>(j)]);
      }
    }
    return m;
  };
  const Matrix a = matrix(u), b = matrix(v);
  return mmd_of(a, b, kernel_mean(a, a, sigma, !biased), kernel_mean(b, b, sigma, !biased), sigma);
}

double median_distance(const MapSet& maps) {
  check_set(maps, DistanceKind::kMmdBiased);
  const std::int64_t plane = maps.shape.plane();
  const std::int64_t all = maps.flat.rows * plane;
  const std::int64_t taken = std::min(all, kMedianSample);
  Matrix sample(taken, maps.shape.c);
  for (std::int64_t k = 0; k < taken; ++k) {
    const std::int64_t at = k * all / taken;
    const auto values = maps.flat.row(at / plane);
    for (std::int64_t c = 0; c < maps.shape.c; ++c) {
      sample(k, c) = static_cast<double>(values[static_cast<std::size_t>(c * plane + at % plane)]);
    }
  }
  const Matrix squares = squared_distances(sample, sample);
  std::vector<double> distances;
  for (std::int64_t i = 0; i < taken; ++i) {
    for (std::int64_t j = i + 1; j < taken; ++j) distances.push_back(std::sqrt(squares(i, j)));
  }
  if (distances.empty()) return 0.0;
  std::ranges::sort(distances);
  const std::size_t middle = distances.size() / 2;
  return distances.size() % 2 == 1 ? distances[middle]
                                   : 0.5 * (distances[middle - 1] + distances[middle]);
}

DistanceMatrix pairwise_distances(const MapSet& maps,
                                  DistanceKind distance,
                                  int threads,
                                  Observer& observer) {
  if (!compares_maps(distance)) {
    throw Error(ErrorKind::kUsage, "distance between maps")
        .expected("mmd, mmd_unbiased, cka or aligned")
        .got(to_string(distance));
  }
  check_set(maps, distance);
  const bool is_mmd =
      distance == DistanceKind::kMmdBiased || distance == DistanceKind::kMmdUnbiased;
  double sigma = maps.sigma;
  if (is_mmd && !(sigma > 0.0)) sigma = std::max(median_distance(maps), 1e-30);
  Prepared prepared;
  if (distance != DistanceKind::kAligned) prepared = prepare(maps, distance, sigma, threads);
  const std::int64_t n = maps.flat.rows;
  DistanceMatrix matrix{n, std::vector<double>(static_cast<std::size_t>(n * n))};
  for (std::int64_t i = 0; i < n; ++i) {
    throw_if_cancelled(observer);
    parallel_for(threads, n - i - 1, 1, [&](std::int64_t from, std::int64_t to) {
      for (std::int64_t j = i + 1 + from; j < i + 1 + to; ++j) {
        const double d = between(maps, prepared, distance, sigma, i, j);
        matrix.values[static_cast<std::size_t>(i * n + j)] = d;
        matrix.values[static_cast<std::size_t>(j * n + i)] = d;
      }
    });
    observer.progress("distances", static_cast<double>(i + 1), static_cast<double>(n));
  }
  return matrix;
}

}  // namespace cutaway::explain
