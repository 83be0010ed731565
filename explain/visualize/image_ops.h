#pragma once

#include <cstdint>

#include "runtime/tensor.h"

/// Linear image operations on plain CPU tensors, each with its exact adjoint: what an ascent's
/// gradient flows back through.
namespace cutaway::explain {

/// `amount` rows and columns of `value` on every side. The adjoint (of the part that depends on x)
/// is a crop.
[[nodiscard]] Tensor pad(const Tensor& x, std::int64_t amount, float value);
/// Rows [top, top + height), columns [left, left + width); what lies outside x is `value` (so it
/// can also pad).
[[nodiscard]] Tensor crop(const Tensor& x,
                          std::int64_t top,
                          std::int64_t left,
                          std::int64_t height,
                          std::int64_t width,
                          float value = 0.0f);
/// Adjoint of crop: dy in its place of a zero image of h x w.
[[nodiscard]] Tensor crop_adjoint(
    const Tensor& dy, std::int64_t top, std::int64_t left, std::int64_t h, std::int64_t w);
/// Bilinear, half-pixel centres.
[[nodiscard]] Tensor resize(const Tensor& x, std::int64_t height, std::int64_t width);
[[nodiscard]] Tensor resize_adjoint(const Tensor& dy, std::int64_t height, std::int64_t width);
/// Turned about its centre by `degrees`, nearest neighbour, zero where nothing was.
[[nodiscard]] Tensor rotate(const Tensor& x, double degrees);
[[nodiscard]] Tensor rotate_adjoint(const Tensor& dy, double degrees);
/// Shifted cyclically; its adjoint is the roll by (-down, -right).
[[nodiscard]] Tensor roll(const Tensor& x, std::int64_t down, std::int64_t right);
/// Bilinear with aligned corners (SciPy ndimage.zoom, order 1), to a given size.
[[nodiscard]] Tensor zoom(const Tensor& x, std::int64_t height, std::int64_t width);
/// Gaussian of standard deviation `sigma`, cut at 4 sigma, mirrored edges (with the edge), every
/// channel.
[[nodiscard]] Tensor blur(const Tensor& x, double sigma);

}  // namespace cutaway::explain
