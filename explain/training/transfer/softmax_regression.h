#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "layers/model.h"

namespace cutaway::training {

/// A dense layer and softmax, trained by cross-entropy with AdamW for sixty epochs along a
/// cosine.
class SoftmaxRegression {
 public:
  /// rows: count x width; labels: count of them, below `classes`. The same result every time.
  /// Throws kInput when there is no row.
  SoftmaxRegression(std::span<const float> rows,
                    std::int64_t width,
                    std::span<const std::int32_t> labels,
                    std::int64_t classes,
                    std::uint64_t seed);
  /// The most probable class of a row.
  [[nodiscard]] std::int32_t predict(std::span<const float> row) const;

 private:
  std::int64_t width_, classes_;
  Model model_;
};

}  // namespace cutaway::training
