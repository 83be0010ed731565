#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/pattern_graph.h"

namespace cutaway::explain::graph {

/// The activation weights F of one layer over many images: images x filters x size x size, and
/// perhaps as many of the mirrored images. F >= 0 counts how often an entry is to be explained.
class FeatureMaps {
 public:
  enum class Storage : std::uint8_t { kFloat, kHalf };

  FeatureMaps() = default;
  /// Zeros. `memory`, if given, holds bytes() bytes and stays with the maps (a mapped file, say);
  /// its contents are kept. Throws kShape on impossible extents.
  FeatureMaps(std::int64_t images,
              std::int64_t filters,
              std::int64_t size,
              Storage storage = Storage::kFloat,
              bool mirrored = false,
              std::shared_ptr<std::byte> memory = nullptr);

  /// Bytes that such maps take.
  [[nodiscard]] static std::size_t bytes(
      std::int64_t images, std::int64_t filters, std::int64_t size, Storage storage, bool mirrored);

  [[nodiscard]] std::int64_t images() const noexcept { return images_; }
  [[nodiscard]] std::int64_t filters() const noexcept { return filters_; }
  [[nodiscard]] std::int64_t size() const noexcept { return size_; }
  [[nodiscard]] bool has_mirrored() const noexcept { return mirrored_; }

  /// All maps of one image; negative values and NaN become 0. Throws kShape when the count is
  /// another.
  void set(std::int64_t image, std::span<const float> values, bool mirrored = false);
  /// All maps of one image, back in float32.
  [[nodiscard]] std::vector<float> get(std::int64_t image, bool mirrored = false) const;

  /// What kernels read. `mirror`: none, or an entry an image, 1 to take the mirrored one. `copy`:
  /// a copy of memory() to point into instead.
  [[nodiscard]] kernels::PatternMaps maps(std::span<const std::uint8_t> mirror = {},
                                          const std::byte* copy = nullptr) const;
  /// All maps, images first, then the mirrored ones.
  [[nodiscard]] std::span<const std::byte> memory() const;

 private:
  [[nodiscard]] std::byte* at(std::int64_t image, bool mirrored) const;

  std::int64_t images_{}, filters_{}, size_{};
  Storage storage_{Storage::kFloat};
  bool mirrored_{false};
  std::shared_ptr<std::byte> memory_;
};

/// Standard deviation of every unit (filter and cell) over images in which the object is absent:
/// sigma^2 = mean x^2 - (mean x)^2. It makes the activations of different filters comparable.
class UnitDeviation {
 public:
  UnitDeviation(std::int64_t filters, std::int64_t size);

  /// One image's maps.
  void add(std::span<const float> values);
  [[nodiscard]] std::int64_t images() const noexcept { return images_; }
  /// Clamped below at 1e-6 of the median (at 1 where that is 0). `per_filter`: the mean variance of
  /// each filter's cells, at all of them. Throws kUsage without images.
  [[nodiscard]] std::vector<float> sigma(bool per_filter = false) const;

 private:
  std::int64_t filters_, size_, images_{0};
  std::vector<double> sum_, squares_;
};

/// F = max(0, x) / sigma, in place; NaN becomes 0.
void to_weights(std::span<float> values, std::span<const float> sigma);

}  // namespace cutaway::explain::graph
