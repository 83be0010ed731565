#pragma once

#include "explain/visualize/ascent.h"
#include "explain/visualize/robust.h"

namespace cutaway::explain {

/// Feature visualisation as Olah et al. (2017) do it: Fourier coefficients, decorrelated colours,
/// Adam, transformation robustness, ReLU rescue during the first steps.
struct LucidOptions {
  std::int64_t steps{512};
  double rate{0.05};
  double start_deviation{0.01};  ///< of the coefficients
  bool fourier{true};            ///< off: logits of the pixels themselves are optimised
  bool decorrelate{true};
  RobustOptions robust;
  std::int64_t rescue_steps{16};
  /// Anisotropic total variation of the picture in [0, 1], mean over pixels.
  double variation_weight{0.0};
  std::uint64_t seed{0};
};

/// `picture` n x C x h x w is what is optimised; transformed pictures are cropped about the centre,
/// or padded with mid-grey, to the size the score takes.
[[nodiscard]] Ascended ascend_lucid(LayerScore& score,
                                    const Objective& objective,
                                    const PixelSpace& pixels,
                                    const Shape& picture,
                                    const LucidOptions& options,
                                    const Watch& watch = {});

}  // namespace cutaway::explain
