#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "explain/pictures/image.h"

namespace cutaway::explain {

struct MixtureOptions {
  int components{5};
  int rounds{10};      ///< of expectation and maximisation
  double floor{1e-2};  ///< added to the diagonal of covariances, in squared levels of 0..255
  double least{1e-3};  ///< components of less weight are dropped
  std::uint64_t seed{0};
  /// Of the random numbers: fits with equal seeds and different streams differ.
  std::uint64_t stream{0};
};

/// A density of colours: Gaussians with full covariances in RGB, levels 0..255.
class GaussianMixture {
 public:
  /// Fits one by expectation and maximisation, started by k-means++ with counted random numbers:
  /// the same pixels and options give the same mixture. Fewer distinct colours give fewer
  /// components. Throws kShape without pixels, kUsage on options out of range.
  GaussianMixture(std::span<const Rgb> pixels, const MixtureOptions& options);

  /// ln of the density at a colour.
  [[nodiscard]] double log_density(Rgb colour) const;

  struct Component {
    double weight;
    std::array<double, 3> mean;
    std::array<double, 6> inverse;  ///< of the covariance: rr, rg, rb, gg, gb, bb
    double log_norm;                ///< ln(weight / sqrt((2 pi)^3 det))
  };
  [[nodiscard]] const std::vector<Component>& components() const noexcept { return components_; }

 private:
  std::vector<Component> components_;
};

}  // namespace cutaway::explain
