#include "explain/compare/pca.h"

#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <string>

#include "runtime/error.h"

namespace cutaway::explain {
namespace {

using Matrix = Eigen::MatrixXd;

Eigen::SelfAdjointEigenSolver<Matrix> decompose(const Matrix& symmetric) {
  Eigen::SelfAdjointEigenSolver<Matrix> solver(symmetric);
  if (solver.info() == Eigen::Success) return solver;
  throw Error(ErrorKind::kInput, "principal components")
      .expected("finite features")
      .got("an eigenvalue problem that does not converge");
}

/// The inner products of the centred rows, from those of the rows as they are.
Matrix centered_products(const FeatureMatrix& features, int threads) {
  const std::vector<double> products = inner_products(features, features, threads);
  Matrix k = Eigen::Map<const Matrix>(products.data(), features.rows, features.rows);
  const Eigen::VectorXd means = k.rowwise().mean();
  k.colwise() -= means;
  k.rowwise() -= means.transpose();
  k.array() += means.mean();
  return k;
}

/// sum_i weights_i (x_i - mean): a combination of the centred rows.
Eigen::VectorXd combined(const FeatureMatrix& features,
                         const std::vector<double>& mean,
                         const Eigen::VectorXd& weights) {
  Eigen::VectorXd sum = Eigen::VectorXd::Zero(features.columns);
  for (std::int64_t i = 0; i < features.rows; ++i) {
    const auto row = features.row(i);
    for (std::size_t j = 0; j < row.size(); ++j) {
      sum(static_cast<Eigen::Index>(j)) += weights(i) * (static_cast<double>(row[j]) - mean[j]);
    }
  }
  return sum;
}

/// The centred rows along an axis.
Eigen::VectorXd along(const FeatureMatrix& features,
                      const std::vector<double>& mean,
                      const Eigen::VectorXd& axis) {
  Eigen::VectorXd scores = Eigen::VectorXd::Zero(features.rows);
  for (std::int64_t i = 0; i < features.rows; ++i) {
    const auto row = features.row(i);
    for (std::size_t j = 0; j < row.size(); ++j) {
      scores(i) += axis(static_cast<Eigen::Index>(j)) * (static_cast<double>(row[j]) - mean[j]);
    }
  }
  return scores;
}

std::vector<double> column_means(const FeatureMatrix& features) {
  std::vector<double> mean(static_cast<std::size_t>(features.columns), 0.0);
  for (std::int64_t i = 0; i < features.rows; ++i) {
    const auto row = features.row(i);
    for (std::size_t j = 0; j < row.size(); ++j) mean[j] += static_cast<double>(row[j]);
  }
  for (double& v : mean) v /= static_cast<double>(features.rows);
  return mean;
}

Matrix covariance_sums(const FeatureMatrix& features, const std::vector<double>& mean) {
  Matrix x(features.rows, features.columns);
  for (std::int64_t i = 0; i < features.rows; ++i) {
    const auto row = features.row(i);
    for (std::size_t j = 0; j < row.size(); ++j) {
      x(i, static_cast<Eigen::Index>(j)) = static_cast<double>(row[j]) - mean[j];
    }
  }
  return x.transpose() * x;
}

}  // namespace

Pca principal_components(const FeatureMatrix& features, std::int64_t components, int threads) {
  validate(features, "features");
  if (features.rows < 2) {
    throw Error(ErrorKind::kShape, "principal components").expected("at least 2 rows").got("1");
  }
  if (components < 1) {
    throw Error(ErrorKind::kUsage, "number of principal components")
        .expected("at least 1")
        .got(std::to_string(components));
  }
  Pca pca;
  pca.mean = column_means(features);
  const bool by_rows = features.rows < features.columns;
  const Matrix small =
      by_rows ? centered_products(features, threads) : covariance_sums(features, pca.mean);
  const auto solver = decompose(small);
  const std::int64_t kept = std::min({components, features.rows - 1, features.columns});
  const double total = small.trace();
  pca.axes = make_feature_matrix(kept, features.columns);
  pca.scores = make_feature_matrix(features.rows, kept);
  for (std::int64_t k = 0; k < kept; ++k) {
    const Eigen::Index from = small.rows() - 1 - k;  // Eigen sorts ascending
    const double eigenvalue = std::max(0.0, solver.eigenvalues()(from));
    Eigen::VectorXd axis = solver.eigenvectors().col(from);
    if (by_rows) axis = combined(features, pca.mean, axis);
    const double norm = axis.norm();
    if (norm > 0.0) axis /= norm;
    Eigen::Index widest = 0;
    axis.cwiseAbs().maxCoeff(&widest);
    if (axis(widest) < 0.0) axis = -axis;
    const Eigen::VectorXd scores = along(features, pca.mean, axis);
    for (std::int64_t j = 0; j < features.columns; ++j) {
      pca.axes.row(k)[static_cast<std::size_t>(j)] = static_cast<float>(axis(j));
    }
    for (std::int64_t i = 0; i < features.rows; ++i) {
      pca.scores.row(i)[static_cast<std::size_t>(k)] = static_cast<float>(scores(i));
    }
    pca.variance.push_back(eigenvalue / static_cast<double>(features.rows - 1));
    pca.variance_ratio.push_back(total > 0.0 ? eigenvalue / total : 0.0);
  }
  return pca;
}

}  // namespace cutaway::explain
