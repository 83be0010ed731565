#include "explain/compare/tsne.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <string>

#include "explain/compare/distance.h"
#include "explain/compare/pca.h"
#include "explain/compare/statistics.h"
#include "runtime/error.h"
#include "runtime/parallel.h"

namespace cutaway::explain {
namespace {

constexpr double kFloor = 1e-12;

/// p_j|i of one row at the kernel width that has the perplexity, by bisection of 1 / (2 sigma^2).
void conditional_row(std::span<const double> squares,
                     std::size_t self,
                     double log_perplexity,
                     std::span<double> p) {
  double beta = 1.0, low = 0.0, high = 0.0;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t j = 0; j < squares.size(); ++j) {
    if (j != self) least = std::min(least, squares[j]);
  }
  for (int step = 0; step < 100; ++step) {
    double sum = 0.0, weighted = 0.0;
    for (std::size_t j = 0; j < squares.size(); ++j) {
      // The nearest neighbour's distance cancels, and keeps the sum from vanishing.
      const double d = squares[j] - least;
      p[j] = j == self ? 0.0 : std::exp(-beta * d);
      sum += p[j];
      weighted += p[j] * d;
    }
    for (double& v : p) v /= sum;
    const double excess = std::log(sum) + beta * weighted / sum - log_perplexity;
    if (std::fabs(excess) <= 1e-5) return;
    if (excess > 0.0) {
      low = beta;
      beta = high > 0.0 ? 0.5 * (beta + high) : 2.0 * beta;
    } else {
      high = beta;
      beta = 0.5 * (beta + low);
    }
  }
}

/// Gradient descent with momentum and a gain a coordinate.
struct Descent {
  std::vector<double> y, velocity, gains;

  void step(const std::vector<double>& gradient, double rate, double momentum) {
    for (std::size_t k = 0; k < y.size(); ++k) {
      const bool onward = velocity[k] * gradient[k] < 0.0;
      gains[k] = std::max(onward ? gains[k] + 0.2 : gains[k] * 0.8, 0.01);
      velocity[k] = momentum * velocity[k] - rate * gains[k] * gradient[k];
      y[k] += velocity[k];
    }
  }
};

std::vector<double> initial_points(const FeatureMatrix& features, int threads) {
  const Pca pca = principal_components(features, 2, threads);
  std::vector<double> y(static_cast<std::size_t>(2 * features.rows), 0.0);
  const double deviation = std::sqrt(pca.variance[0]);
  for (std::int64_t i = 0; deviation > 0.0 && i < features.rows; ++i) {
    for (std::int64_t k = 0; k < pca.scores.columns; ++k) {
      y[static_cast<std::size_t>(2 * i + k)] =
          static_cast<double>(pca.scores.row(i)[static_cast<std::size_t>(k)]) / deviation * 1e-4;
    }
  }
  return y;
}

void check_options(const FeatureMatrix& features, const TsneOptions& o) {
  validate(features, "features");
  if (features.rows < 3) {
    throw Error(ErrorKind::kShape, "t-SNE")
        .expected("at least 3 pictures")
        .got(std::to_string(features.rows));
  }
  if (!(o.perplexity > 1.0) || o.iterations < 1 || o.early < 0 || o.components < 0 ||
      !(o.exaggeration >= 1.0) || !(o.learning_rate >= 0.0)) {
    throw Error(ErrorKind::kUsage, "settings of t-SNE")
        .expected("a perplexity above 1, an exaggeration of at least 1, and nothing negative");
  }
}

}  // namespace

std::vector<double> tsne_affinities(const FeatureMatrix& features, double perplexity, int threads) {
  const DistanceMatrix squares =
      pairwise_distances(features, DistanceKind::kSquaredEuclidean, threads);
  const auto n = static_cast<std::size_t>(features.rows);
  std::vector<double> conditional(n * n);
  parallel_for(threads, features.rows, 8, [&](std::int64_t from, std::int64_t to) {
    for (auto i = static_cast<std::size_t>(from); i < static_cast<std::size_t>(to); ++i) {
      conditional_row(std::span(squares.values).subspan(i * n, n), i, std::log(perplexity),
                      std::span(conditional).subspan(i * n, n));
    }
  });
  std::vector<double> p(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      if (i == j) continue;
      const double sum = conditional[i * n + j] + conditional[j * n + i];
      p[i * n + j] = std::max(sum / (2.0 * static_cast<double>(n)), kFloor);
    }
  }
  return p;
}

TsneGradient tsne_gradient(const std::vector<double>& affinities,
                           const std::vector<double>& points,
                           int threads) {
  const std::size_t n = points.size() / 2;
  const auto closeness = [&](std::size_t i, std::size_t j) {
    const double dx = points[2 * i] - points[2 * j];
    const double dy = points[2 * i + 1] - points[2 * j + 1];
    return 1.0 / (1.0 + dx * dx + dy * dy);
  };
  std::vector<double> sums(n, 0.0);  // a row each, so that the total is added in one order
  const auto rows = [&](const std::function<void(std::size_t)>& body) {
    parallel_for(
        threads, static_cast<std::int64_t>(n), 16, [&](std::int64_t from, std::int64_t to) {
          for (auto i = static_cast<std::size_t>(from); i < static_cast<std::size_t>(to); ++i)
            body(i);
        });
  };
  rows([&](std::size_t i) {
    for (std::size_t j = 0; j < n; ++j) sums[i] += i == j ? 0.0 : closeness(i, j);
  });
  const double total = std::accumulate(sums.begin(), sums.end(), 0.0);
  TsneGradient g{std::vector<double>(points.size(), 0.0), 0.0};
  std::vector<double> divergence(n, 0.0);
  rows([&](std::size_t i) {
    for (std::size_t j = 0; j < n; ++j) {
      if (i == j) continue;
      const double near = closeness(i, j);
      const double p = affinities[i * n + j];
      const double q = std::max(near / total, kFloor);
      const double pull = 4.0 * (p - q) * near;
      g.values[2 * i] += pull * (points[2 * i] - points[2 * j]);
      g.values[2 * i + 1] += pull * (points[2 * i + 1] - points[2 * j + 1]);
      divergence[i] += p * std::log(p / q);
    }
  });
  g.divergence = std::accumulate(divergence.begin(), divergence.end(), 0.0);
  return g;
}

PlaneEmbedding tsne(const FeatureMatrix& features,
                    const TsneOptions& options,
                    int threads,
                    Observer& observer) {
  check_options(features, options);
  FeatureMatrix reduced = features;
  if (options.components > 0 && options.components < features.columns) {
    reduced = principal_components(features, options.components, threads).scores;
  }
  PlaneEmbedding e;
  e.iterations = options.iterations;
  const auto rows = static_cast<double>(features.rows);
  e.perplexity = std::min(options.perplexity, std::max(1.5, (rows - 1.0) / 3.0));
  const std::vector<double> p = tsne_affinities(reduced, e.perplexity, threads);
  std::vector<double> exaggerated = p;
  for (double& v : exaggerated) v *= options.exaggeration;
  const double rate = options.learning_rate > 0.0
                          ? options.learning_rate
                          : std::max(rows / options.exaggeration / 4.0, 50.0);
  Descent d;
  d.y = initial_points(reduced, threads);
  d.velocity.assign(d.y.size(), 0.0);
  d.gains.assign(d.y.size(), 1.0);
  for (std::int64_t step = 0; step < options.iterations; ++step) {
    throw_if_cancelled(observer);
    const bool early = step < options.early;
    d.step(tsne_gradient(early ? exaggerated : p, d.y, threads).values, rate, early ? 0.5 : 0.8);
    observer.progress("t-SNE", static_cast<double>(step + 1),
                      static_cast<double>(options.iterations));
  }
  e.divergence = tsne_gradient(p, d.y, threads).divergence;
  e.points = make_feature_matrix(features.rows, 2);
  std::ranges::transform(d.y, e.points.values.begin(),
                         [](double v) { return static_cast<float>(v); });
  return e;
}

double trustworthiness(const FeatureMatrix& features,
                       const FeatureMatrix& points,
                       std::int64_t k,
                       int threads) {
  const std::int64_t n = features.rows;
  if (points.rows != n || k < 1 || 2 * k >= n) {
    throw Error(ErrorKind::kUsage, "neighbours of a trustworthiness")
        .expected("1 to less than half the pictures, and as many points as pictures")
        .got(std::to_string(k) + " of " + std::to_string(n));
  }
  const DistanceMatrix far = pairwise_distances(features, DistanceKind::kEuclidean, threads);
  const DistanceMatrix near = pairwise_distances(points, DistanceKind::kEuclidean, threads);
  double penalty = 0.0;
  for (std::int64_t i = 0; i < n; ++i) {
    std::vector<std::int64_t> rank(static_cast<std::size_t>(n), 0);
    std::int64_t next = 0;
    for (const Neighbor& neighbor : nearest(far, i, n)) {
      rank[static_cast<std::size_t>(neighbor.index)] = ++next;
    }
    for (const Neighbor& neighbor : nearest(near, i, k)) {
      penalty += static_cast<double>(
          std::max<std::int64_t>(0, rank[static_cast<std::size_t>(neighbor.index)] - k));
    }
  }
  const auto rows = static_cast<double>(n), neighbors = static_cast<double>(k);
  return 1.0 - penalty * 2.0 / (rows * neighbors * (2.0 * rows - 3.0 * neighbors - 1.0));
}

}  // namespace cutaway::explain
