#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace cutaway::training {

/// One linear support vector machine a class against all others: L2 penalty, squared hinge loss,
/// solved in the dual by LIBLINEAR (Fan et al. 2008), as scikit-learn's LinearSVC.
class LinearSvm {
 public:
  /// rows: count x width; labels: count of them, from 0. c: cost of errors. The same result every
  /// time. Throws kInput when there is no row or fewer than two classes, kUsage unless c > 0.
  LinearSvm(std::span<const float> rows,
            std::int64_t width,
            std::span<const std::int32_t> labels,
            double c);
  ~LinearSvm();
  LinearSvm(const LinearSvm&) = delete;
  LinearSvm& operator=(const LinearSvm&) = delete;

  /// The class of a row.
  [[nodiscard]] std::int32_t predict(std::span<const float> row) const;

 private:
  struct Solved;
  std::unique_ptr<Solved> solved_;
};

}  // namespace cutaway::training
