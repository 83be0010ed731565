#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "explain/pictures/image.h"

namespace cutaway::explain {

/// How samples are interpolated. Half-pixel centres, src = (dst + 0.5) N_in / N_out - 0.5, unless
/// it says otherwise. "Antialiased": when shrinking, the kernel is stretched by N_in / N_out and
/// its weights renormalised.
enum class Resample : std::uint8_t {
  kNearest,         ///< the sample at floor((dst + 0.5) N_in / N_out)
  kBilinear,        ///< clamped edges, no antialias; PyTorch align_corners=false, OpenCV
  kBilinearCorner,  ///< src = dst (N_in - 1) / (N_out - 1); PyTorch align_corners=true
  kBilinearMatlab,  ///< mirrored taps, antialiased; MATLAB imresize(..., 'bilinear')
  kBilinearPil,     ///< outside taps dropped, antialiased; Pillow, torchvision
  kCubic075,        ///< a = -0.75, clamped taps, no antialias; OpenCV, PyTorch
  kCubicMatlab,     ///< a = -0.5, mirrored taps, antialiased; MATLAB imresize's default
  kCubicPil         ///< a = -0.5, outside taps dropped, antialiased; Pillow, torchvision
};

/// The map at another size. Cubic kernels overshoot, and the result is not clipped.
/// Throws kShape on a bad map or extents below 1.
[[nodiscard]] std::vector<float> resize(const Map& map, int height, int width, Resample how);

/// The picture at another size, rounded to 8 bits and clipped. The Pillow modes repeat the
/// arithmetic of Pillow 3.3 to 12 byte for byte (22-bit weights, horizontal pass first, 8 bits
/// between the passes); Pillow 13 begins with the vertical pass for some tall pictures, which then
/// differ by one level in places. The other modes are computed in float32. Throws kShape on a bad
/// picture or extents below 1.
[[nodiscard]] Image resize(const Image& image, int width, int height, Resample how);

/// "nearest", "bilinear", "bilinear-corner", "bilinear-matlab", "bilinear-pil", "cubic-075",
/// "cubic-matlab", "cubic-pil".
[[nodiscard]] std::string to_string(Resample how);
/// The inverse; throws kUsage, listing the names, on any other text.
[[nodiscard]] Resample parse_resample(std::string_view name);

}  // namespace cutaway::explain
