#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "explain/evaluate/importance.h"
#include "explain/visualize/pixel_space.h"
#include "runtime/observer.h"

namespace cutaway::explain {

/// Two pictures and the maps that explain them, for the ratio |R(x) - R(x')|_1 / |x - x'|_2
/// (Montavon et al. 2018, section 7.1).
struct ContinuityPair {
  std::span<const float> map, other_map, picture, other_picture;
};
/// Ratios of pairs. Pairs of equal pictures are left out, and in the normalised form those with a
/// map whose sum is 0. NaN without pairs.
struct Continuity {
  double maximum{0}, quantile95{0}, mean{0};  ///< quantile of type 7
  std::int64_t pairs{0};
};
/// `normalized`: of maps divided by their sum. Maps are compared as they are otherwise: normalising
/// a picture hides how the total jumps.
[[nodiscard]] Continuity continuity(std::span<const ContinuityPair> pairs, bool normalized);

/// A picture (1 x c x h x w) moved to the right by from, from + 1, ... to pixels; `fill`, a value a
/// channel, comes in at the border. (to - from + 1) x c x h x w. Throws kUsage when to < from.
[[nodiscard]] Tensor translation_sequence(const Tensor& picture,
                                          std::int64_t from,
                                          std::int64_t to,
                                          std::span<const float> fill);
/// The picture and `count` copies with Gaussian noise of `sigma` (shares of black to white).
[[nodiscard]] Tensor jitters(const Tensor& picture,
                             std::int64_t count,
                             double sigma,
                             const PixelSpace& pixels,
                             std::uint64_t seed);

/// Which pictures of a sequence make a pair.
enum class Pairing : std::uint8_t {
  kConsecutive,  ///< each with the next: frames of a motion
  kWithFirst,    ///< each with the first: jitters of it
  kAll           ///< pictures of one class
};
struct ContinuityResult {
  Continuity raw, normalized;
};
/// Explains all pictures for `target`, `batch` at a time, and takes the ratios.
[[nodiscard]] ContinuityResult measure_continuity(const Explainer& explainer,
                                                  const Tensor& pictures,
                                                  std::int64_t target,
                                                  Pairing pairing,
                                                  std::int64_t batch = 8,
                                                  Observer& observer = silent_observer());

}  // namespace cutaway::explain
