#pragma once

#include <tuple>
#include <vector>

#include "runtime/tensor.h"

namespace cutaway::explain {

/// Whether hiding the same part of several objects changes a layer's features in the same way
/// (Zeiler & Fergus 2013, table 1).
struct Correspondence {
  /// Share of features whose change differs in sign, over unordered pairs of images.
  double mean{0};
  double deviation{0};  ///< standard deviation over those pairs
  /// As printed in the paper: over ordered pairs, not divided by the number of features.
  double sum{0};
};

/// For explain/runs/step_value.h.
[[nodiscard]] inline auto members(Correspondence& c) {
  return std::tie(c.mean, c.deviation, c.sum);
}

/// `whole` and `hidden`: features of N >= 2 images, and of the same images with the part hidden (n
/// x C x h x w, any batch of N). Signs are -1, 0 and 1; a change of at most 1e-6 of the image's
/// largest feature counts as 0. Throws kShape when the two differ in shape or N < 2.
[[nodiscard]] Correspondence correspondence(const Tensor& whole, const Tensor& hidden);

}  // namespace cutaway::explain
