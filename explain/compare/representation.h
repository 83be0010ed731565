#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/tensor.h"

namespace cutaway::explain {

/// What one picture's maps A (C maps of Z = h w positions) become a vector by. A layer without a
/// plane (h = w = 1, such as AlexNet's fc7) is the same vector under kFlat, kGap and kGmp.
enum class Representation : std::uint8_t {
  kFlat,     ///< all C Z values, map after map: where something is counts
  kGap,      ///< the mean of every map
  kGmp,      ///< the maximum of every map
  kGram,     ///< A A^T / Z (Gatys et al. 2016, eq. 3, over Z): which maps respond together
  kCamSoft,  ///< sum_p m_p A_p / (sum_p m_p + 1e-8), m the class map scaled to [0, 1]
  kCamHard   ///< the same with m = 1 where the scaled class map exceeds 0.2, and 0 elsewhere
};

/// "flat", "gap", "gmp", "gram", "cam_soft", "cam_hard".
[[nodiscard]] const char* to_string(Representation representation);
/// The representation of that name; throws kUsage with the nearest names.
[[nodiscard]] Representation find_representation(std::string_view name);
[[nodiscard]] std::vector<std::string> representation_names();
/// Whether it reads a class map.
[[nodiscard]] bool needs_mask(Representation representation);

/// Length of the vector for maps of shape (any n) x c x h x w. kGram: the C (C + 1) / 2 entries of
/// the upper triangle, row by row; those off the diagonal are stored times sqrt(2), so that inner
/// products and Euclidean distances are those of the whole symmetric matrix.
[[nodiscard]] std::int64_t representation_size(Representation representation, const Shape& maps);

/// Writes the vector of image `n` of `maps` (plain, on the CPU) into `out`. `mask`: one weight a
/// position of the plane for kCamSoft and kCamHard, ignored by the others. Throws kShape when a
/// length does not fit.
void represent(const Tensor& maps,
               std::int64_t n,
               Representation representation,
               std::span<const float> mask,
               std::span<float> out);

/// The weights m of kCamSoft (scaled by least and greatest value; a constant map gives zeros) or,
/// if `hard`, of kCamHard, from a raw class map that was resized to the plane of the maps.
[[nodiscard]] std::vector<float> class_mask(std::span<const float> class_map, bool hard);

}  // namespace cutaway::explain
