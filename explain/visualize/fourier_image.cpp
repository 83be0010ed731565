#include "explain/visualize/fourier_image.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>

#include "runtime/error.h"

namespace cutaway::explain {
namespace {

/// Frequency of FFT row i of n, in cycles a pixel, without sign.
double frequency(std::int64_t i, std::int64_t n) {
  return static_cast<double>(std::min(i, n - i)) / static_cast<double>(n);
}

}  // namespace

double color_correlation(int row, int column) {
  static constexpr double kM[3][3] = {{.26, .09, .02}, {.27, 0, -.05}, {.27, -.09, .03}};
  // The largest norm of a column.
  const double norm = std::sqrt(kM[0][0] * kM[0][0] + kM[1][0] * kM[1][0] + kM[2][0] * kM[2][0]);
  return kM[row][column] / norm;
}

FourierImage::FourierImage(const Shape& shape, bool decorrelate, bool bgr)
    : shape_(shape),
      decorrelate_(decorrelate && shape.c == 3),
      bgr_(bgr),
      even_w_(shape.w + shape.w % 2) {
  validate(shape, "picture");
}

Shape FourierImage::coefficients() const {
  return {shape_.n, 2 * shape_.c, shape_.h, even_w_ / 2 + 1};
}

double FourierImage::scale(std::int64_t row, std::int64_t column) const {
  const auto w = static_cast<double>(shape_.w), h = static_cast<double>(shape_.h);
  const double f = std::hypot(frequency(row, shape_.h), frequency(column, shape_.w));
  return std::sqrt(w * h) / std::max(f, 1.0 / std::max(w, h));
}

Tensor FourierImage::plain(const Tensor& coefficients) const {
  check(coefficients.shape() == this->coefficients(), "coefficients of another image");
  const View<const float> in = coefficients.ref().in();
  Tensor t = zeros(shape_);
  const View<float> out = t.ref().out();
  const std::int64_t columns = even_w_ / 2 + 1;
  cv::Mat spectrum(static_cast<int>(shape_.h), static_cast<int>(even_w_), CV_64FC2), image;
  for (std::int64_t n = 0; n < shape_.n; ++n) {
    for (std::int64_t c = 0; c < shape_.c; ++c) {
      spectrum.setTo(0);
      for (std::int64_t i = 0; i < shape_.h; ++i) {
        auto* row = spectrum.ptr<cv::Vec2d>(static_cast<int>(i));
        for (std::int64_t j = 0; j < columns; ++j) {
          // Columns other than the first and last stand for their mirror image too.
          const double twice = j == 0 || 2 * j == even_w_ ? 1.0 : 2.0;
          const double k = twice * scale(i, j);
          row[j] = {k * double{in.at(n, c, i, j)}, k * double{in.at(n, shape_.c + c, i, j)}};
        }
      }
      cv::idft(spectrum, image, cv::DFT_SCALE);
      for (std::int64_t i = 0; i < shape_.h; ++i) {
        const auto* row = image.ptr<cv::Vec2d>(static_cast<int>(i));
        for (std::int64_t j = 0; j < shape_.w; ++j)
          out.at(n, c, i, j) = static_cast<float>(row[j][0] / 4.0);
      }
    }
  }
  return t;
}

Tensor FourierImage::image(const Tensor& coefficients) {
  image_ = plain(coefficients);
  const View<float> x = image_.ref().out();
  for (std::int64_t n = 0; n < shape_.n; ++n) {
    for (std::int64_t i = 0; i < shape_.h; ++i) {
      for (std::int64_t j = 0; j < shape_.w; ++j) {
        double t[3] = {};
        for (int c = 0; decorrelate_ && c < 3; ++c) t[c] = double{x.at(n, c, i, j)};
        for (std::int64_t c = 0; c < shape_.c; ++c) {
          double v = double{x.at(n, c, i, j)};
          if (decorrelate_) {
            const int color = static_cast<int>(bgr_ ? 2 - c : c);
            v = 0.0;
            for (int k = 0; k < 3; ++k) v += color_correlation(color, k) * t[k];
          }
          x.at(n, c, i, j) = static_cast<float>(1.0 / (1.0 + std::exp(-v)));
        }
      }
    }
  }
  return image_.clone();
}

Tensor FourierImage::adjoint(const Tensor& dimage) const {
  check(!image_.empty() && dimage.shape() == shape_, "adjoint() before image()");
  Tensor dt = zeros(shape_);
  const View<const float> x = image_.ref().in(), dx = dimage.ref().in();
  const View<float> d = dt.ref().out();
  for (std::int64_t n = 0; n < shape_.n; ++n) {
    for (std::int64_t i = 0; i < shape_.h; ++i) {
      for (std::int64_t j = 0; j < shape_.w; ++j) {
        for (std::int64_t c = 0; c < shape_.c; ++c) {
          const float slope = dx.at(n, c, i, j) * x.at(n, c, i, j) * (1.0f - x.at(n, c, i, j));
          if (!decorrelate_) {
            d.at(n, c, i, j) = slope;
            continue;
          }
          const int color = static_cast<int>(bgr_ ? 2 - c : c);
          for (int k = 0; k < 3; ++k)
            d.at(n, k, i, j) += static_cast<float>(color_correlation(color, k)) * slope;
        }
      }
    }
  }
  Tensor result = zeros(coefficients());
  const View<float> out = result.ref().out();
  cv::Mat plane(static_cast<int>(shape_.h), static_cast<int>(even_w_), CV_64FC2), spectrum;
  const double norm = 4.0 * static_cast<double>(shape_.h) * static_cast<double>(even_w_);
  for (std::int64_t n = 0; n < shape_.n; ++n) {
    for (std::int64_t c = 0; c < shape_.c; ++c) {
      plane.setTo(0);
      for (std::int64_t i = 0; i < shape_.h; ++i) {
        auto* row = plane.ptr<cv::Vec2d>(static_cast<int>(i));
        for (std::int64_t j = 0; j < shape_.w; ++j) row[j] = {double{d.at(n, c, i, j)}, 0.0};
      }
      cv::dft(plane, spectrum);
      for (std::int64_t i = 0; i < shape_.h; ++i) {
        const auto* row = spectrum.ptr<cv::Vec2d>(static_cast<int>(i));
        for (std::int64_t j = 0; j < even_w_ / 2 + 1; ++j) {
          const double twice = j == 0 || 2 * j == even_w_ ? 1.0 : 2.0;
          const double k = twice * scale(i, j) / norm;
          out.at(n, c, i, j) = static_cast<float>(k * row[j][0]);
          out.at(n, shape_.c + c, i, j) = static_cast<float>(k * row[j][1]);
        }
      }
    }
  }
  return result;
}

}  // namespace cutaway::explain
