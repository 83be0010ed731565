#pragma once

#include <cstdint>
#include <span>

#include "explain/evaluate/importance.h"
#include "explain/evaluator.h"
#include "explain/visualize/pixel_space.h"
#include "runtime/observer.h"

namespace cutaway::explain {

/// How the perturbations I of the infidelity are drawn (Yeh et al. 2019, section 2.1). Pixels are
/// measured from 0 (black) to 1 (white), as in the paper.
enum class InfidelityNoise : std::uint8_t {
  kNoisyBaseline,  ///< I = x - z, z = min(max(N(0, sigma^2), 0), 1): for gradients
  kSquareRemoval,  ///< I = x within a square of side 1 to `largest_square`, 0 outside: for maps that
                   ///< hold the input as a factor; a removed pixel is 0 of the network's input
  kGaussian        ///< I ~ N(0, sigma^2), as other libraries have it
};

struct InfidelityOptions {
  InfidelityNoise noise{InfidelityNoise::kNoisyBaseline};
  double sigma{0.2};
  std::int64_t samples{500};
  std::int64_t largest_square{10};  ///< sides and places are drawn evenly
  /// Multiply I^T Phi by the best factor E[(f(x) - f(x - I)) I^T Phi] / E[(I^T Phi)^2], as the
  /// authors' code: then methods of different scales can be compared.
  bool rescale{true};
  std::uint64_t seed{0};
};

/// Infidelity (Yeh et al. 2019, definition 2.1): E[(I^T Phi - (f(x) - f(x - I)))^2] with f the
/// logit of `target`. `attribution` holds c h w values, in the order of the picture (1 x c x h x w
/// of the network's input), or h w values that count for every channel; for kSquareRemoval I^T Phi
/// is the sum of Phi over the square. Throws kShape, kUsage.
[[nodiscard]] double infidelity(Evaluator& evaluator,
                                const Tensor& picture,
                                std::int64_t target,
                                std::span<const float> attribution,
                                const PixelSpace& pixels,
                                const InfidelityOptions& options,
                                Observer& observer = silent_observer());

struct MaxSensitivityOptions {
  double radius{0.2};  ///< of the cube around the picture, in shares of black to white
  std::int64_t samples{50};
  std::int64_t batch{8};  ///< pictures explained at a time
  std::uint64_t seed{0};
};

/// Max-sensitivity (Yeh et al. 2019, definition 3.1), by samples y drawn evenly with |y - x| <=
/// radius: the largest |Phi(y) - Phi(x)| / |Phi(x)|, Euclidean norms. A map of zeros is divided by
/// 1. At least one sample and a radius of 0 or more (kUsage).
[[nodiscard]] double max_sensitivity(const Explainer& explainer,
                                     const Tensor& picture,
                                     std::int64_t target,
                                     const PixelSpace& pixels,
                                     const MaxSensitivityOptions& options,
                                     Observer& observer = silent_observer());

}  // namespace cutaway::explain
