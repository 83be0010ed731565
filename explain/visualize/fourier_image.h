#pragma once

#include <cstdint>

#include "runtime/tensor.h"

namespace cutaway::explain {

/// An image in [0, 1] as a function of Fourier coefficients and decorrelated colours (Olah et al.
/// 2017), where gradient ascent does not get lost in high frequencies.
///   spectrum = sqrt(w h) / max(f, 1 / max(w, h)) * coefficient,
///   t = inverse real FFT(spectrum) / 4,
///   image = sigmoid(M t) for three channels, sigmoid(t) for others,
/// M the colours that vary independently in photographs (in reverse order for BGR nets).
/// Coefficients: n x 2C x h x (w/2 + 1), real parts in the first C channels, imaginary in the last
/// C (odd w: w/2 + 2, and a column is cropped).
class FourierImage {
 public:
  /// `shape` n x C x h x w of the image.
  FourierImage(const Shape& shape, bool decorrelate, bool bgr);

  [[nodiscard]] Shape coefficients() const;
  /// The image; remembers what adjoint() needs.
  [[nodiscard]] Tensor image(const Tensor& coefficients);
  /// t of the formula: before colours and sigmoid.
  [[nodiscard]] Tensor plain(const Tensor& coefficients) const;
  /// The gradient of the coefficients, given that of the last image().
  [[nodiscard]] Tensor adjoint(const Tensor& dimage) const;

 private:
  [[nodiscard]] double scale(std::int64_t row, std::int64_t column) const;

  Shape shape_;
  bool decorrelate_, bgr_;
  std::int64_t even_w_;
  Tensor image_;
};

/// Row r, column c of the colour matrix M / 0.461952 (rows R, G, B).
[[nodiscard]] double color_correlation(int row, int column);

}  // namespace cutaway::explain
