#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <tuple>
#include <vector>

#include "runtime/tensor.h"

namespace cutaway::explain {

/// Where a feature map answered one image most strongly.
struct Activation {
  float value{0};
  std::int64_t image{0}, row{0}, column{0};
  friend bool operator==(const Activation&, const Activation&) = default;
};

/// For explain/runs/step_value.h.
[[nodiscard]] inline auto members(Activation& a) {
  return std::tie(a.value, a.image, a.row, a.column);
}

/// Greater values first; equal ones in the order of the images.
[[nodiscard]] bool stronger(const Activation& a, const Activation& b);

/// The strongest activations of every feature map over any number of images (Zeiler & Fergus 2013,
/// figure 2): one candidate an image and map, the spatial maximum (the first on ties); the `most`
/// of greatest value are kept. The result does not depend on the order in which images come.
/// Memory: maps x most entries.
class TopActivations {
 public:
  /// Throws kUsage unless both are at least 1.
  TopActivations(std::int64_t maps, std::size_t most);

  /// `maps`: n x C x h x w, plain, on the CPU; images[i] is the number of image i, and images
  /// beyond `images` are not looked at. NaN never counts. Throws kShape when channels or counts do
  /// not fit.
  void add(const Tensor& maps, std::span<const std::int64_t> images);
  /// A candidate of one map; each image is to offer one only.
  void add(std::int64_t map, const Activation& candidate);
  /// What two passes over parts of the images found, together.
  void merge(const TopActivations& other);

  [[nodiscard]] std::int64_t maps() const noexcept {
    return static_cast<std::int64_t>(best_.size());
  }
  /// Of one map, strongest first; fewer than `most` when there were fewer images.
  [[nodiscard]] std::span<const Activation> of(std::int64_t map) const;

 private:
  void offer(std::size_t map, const Activation& candidate);

  std::size_t most_;
  std::vector<std::vector<Activation>> best_;
};

}  // namespace cutaway::explain
