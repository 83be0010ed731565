#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "explain/compare/feature_matrix.h"
#include "tests/support/source_dir.h"
#include "weights/hdf5_file.h"

/// Of the tests of explain/compare and explain/evaluate.
namespace cutaway::tests {

inline explain::FeatureMatrix random_features(std::int64_t rows,
                                              std::int64_t columns,
                                              unsigned seed,
                                              double offset = 0.0) {
  explain::FeatureMatrix f = explain::make_feature_matrix(rows, columns);
  std::mt19937 engine(seed);
  std::normal_distribution<float> d;
  for (float& v : f.values) v = d(engine) + static_cast<float>(offset);
  return f;
}

/// Whether a value is the reference to a share of it (of 1 where it is smaller); NaN is not.
inline bool close(double got, double want, double tolerance = 1e-5) {
  const bool good = std::fabs(got - want) <= tolerance * std::max(1.0, std::fabs(want));
  if (!good) MESSAGE("got " << got << ", wanted " << want);
  return good;
}

/// Values that scikit-learn, SciPy and scikit-image found (tests/golden/make_compare_bundle.py).
class CompareBundle {
 public:
  CompareBundle() : file_(weights::Hdf5File::open(source_dir() + "/tests/golden/compare.h5")) {}

  [[nodiscard]] std::vector<float> values(const std::string& path) const {
    return file_.read_f32(path, std::size_t{1} << 20);
  }
  [[nodiscard]] explain::FeatureMatrix matrix(const std::string& path) const {
    const auto dims = file_.describe(path).dims;
    REQUIRE(dims.size() == 2);
    return {dims[0], dims[1], values(path)};
  }

 private:
  weights::Hdf5File file_;
};

}  // namespace cutaway::tests
