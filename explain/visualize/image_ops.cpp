#include "explain/visualize/image_ops.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "kernels/image.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

Tensor like(const Tensor& x, std::int64_t h, std::int64_t w) {
  return zeros({x.shape().n, x.shape().c, h, w});
}

std::int64_t planes(const Tensor& x) { return x.shape().n * x.shape().c; }

/// Calls f(target, source) for every pixel of a turned plane that has a source.
template <class F>
void turned(std::int64_t h, std::int64_t w, double degrees, const F& f) {
  const double a = degrees * std::numbers::pi / 180.0;
  const double cosine = std::cos(a), sine = std::sin(a);
  const double cy = static_cast<double>(h - 1) / 2.0, cx = static_cast<double>(w - 1) / 2.0;
  for (std::int64_t i = 0; i < h; ++i) {
    for (std::int64_t j = 0; j < w; ++j) {
      const double y = static_cast<double>(i) - cy, x = static_cast<double>(j) - cx;
      const auto row = static_cast<std::int64_t>(std::floor(cosine * y - sine * x + cy + 0.5));
      const auto column = static_cast<std::int64_t>(std::floor(sine * y + cosine * x + cx + 0.5));
      if (row >= 0 && row < h && column >= 0 && column < w) f(i * w + j, row * w + column);
    }
  }
}

std::int64_t wrapped(std::int64_t i, std::int64_t n) { return ((i % n) + n) % n; }

/// One pass of a separable filter along an axis of `extent` elements `stride` apart.
void filter_line(const float* from,
                 float* to,
                 std::int64_t extent,
                 std::int64_t stride,
                 const std::vector<double>& k) {
  const auto radius = static_cast<std::int64_t>(k.size() / 2);
  for (std::int64_t i = 0; i < extent; ++i) {
    double sum = 0.0;
    for (std::int64_t d = -radius; d <= radius; ++d) {
      std::int64_t at = wrapped(i + d, 2 * extent);  // mirror: 0 1 .. n-1 n-1 .. 1 0
      if (at >= extent) at = 2 * extent - 1 - at;
      sum += k[static_cast<std::size_t>(d + radius)] * double{from[at * stride]};
    }
    to[i * stride] = static_cast<float>(sum);
  }
}

}  // namespace

Tensor pad(const Tensor& x, std::int64_t amount, float value) {
  const Shape& s = x.shape();
  return crop(x, -amount, -amount, s.h + 2 * amount, s.w + 2 * amount, value);
}

Tensor crop(const Tensor& x,
            std::int64_t top,
            std::int64_t left,
            std::int64_t height,
            std::int64_t width,
            float value) {
  const Shape& s = x.shape();
  Tensor y = like(x, height, width);
  for (std::int64_t p = 0; p < planes(x); ++p) {
    for (std::int64_t i = 0; i < height; ++i) {
      for (std::int64_t j = 0; j < width; ++j) {
        const std::int64_t row = top + i, column = left + j;
        const bool inside = row >= 0 && row < s.h && column >= 0 && column < s.w;
        y.f32()[static_cast<std::size_t>((p * height + i) * width + j)] =
            inside ? x.f32()[static_cast<std::size_t>((p * s.h + row) * s.w + column)] : value;
      }
    }
  }
  return y;
}

Tensor crop_adjoint(
    const Tensor& dy, std::int64_t top, std::int64_t left, std::int64_t h, std::int64_t w) {
  return crop(dy, -top, -left, h, w);
}

Tensor resize(const Tensor& x, std::int64_t height, std::int64_t width) {
  Tensor y = like(x, height, width);
  CpuStream stream;
  kernels::run(stream, kernels::ResizeBilinear{x.ref().in(), y.ref().out()});
  return y;
}

Tensor resize_adjoint(const Tensor& dy, std::int64_t height, std::int64_t width) {
  Tensor dx = like(dy, height, width);
  CpuStream stream;
  kernels::run(stream, kernels::ResizeBilinearBackward{dy.ref().in(), dx.ref().out()});
  return dx;
}

Tensor rotate(const Tensor& x, double degrees) {
  const Shape& s = x.shape();
  Tensor y = zeros(s);
  turned(s.h, s.w, degrees, [&](std::int64_t to, std::int64_t from) {
    for (std::int64_t p = 0; p < planes(x); ++p) {
      y.f32()[static_cast<std::size_t>(p * s.plane() + to)] =
          x.f32()[static_cast<std::size_t>(p * s.plane() + from)];
    }
  });
  return y;
}

Tensor rotate_adjoint(const Tensor& dy, double degrees) {
  const Shape& s = dy.shape();
  Tensor dx = zeros(s);
  turned(s.h, s.w, degrees, [&](std::int64_t to, std::int64_t from) {
    for (std::int64_t p = 0; p < planes(dy); ++p) {
      dx.f32()[static_cast<std::size_t>(p * s.plane() + from)] +=
          dy.f32()[static_cast<std::size_t>(p * s.plane() + to)];
    }
  });
  return dx;
}

Tensor roll(const Tensor& x, std::int64_t down, std::int64_t right) {
  const Shape& s = x.shape();
  Tensor y = zeros(s);
  for (std::int64_t p = 0; p < planes(x); ++p) {
    for (std::int64_t i = 0; i < s.h; ++i) {
      for (std::int64_t j = 0; j < s.w; ++j) {
        const std::int64_t to = (p * s.h + wrapped(i + down, s.h)) * s.w + wrapped(j + right, s.w);
        y.f32()[static_cast<std::size_t>(to)] =
            x.f32()[static_cast<std::size_t>((p * s.h + i) * s.w + j)];
      }
    }
  }
  return y;
}

Tensor zoom(const Tensor& x, std::int64_t height, std::int64_t width) {
  const Shape& s = x.shape();
  Tensor y = like(x, height, width);
  const auto step = [](std::int64_t from, std::int64_t to) {
    return to > 1 ? static_cast<double>(from - 1) / static_cast<double>(to - 1) : 0.0;
  };
  const double rows = step(s.h, height), columns = step(s.w, width);
  for (std::int64_t i = 0; i < height; ++i) {
    const double r = rows * static_cast<double>(i);
    const auto r0 = static_cast<std::int64_t>(r), r1 = std::min(r0 + 1, s.h - 1);
    const double fr = r - static_cast<double>(r0);
    for (std::int64_t j = 0; j < width; ++j) {
      const double c = columns * static_cast<double>(j);
      const auto c0 = static_cast<std::int64_t>(c), c1 = std::min(c0 + 1, s.w - 1);
      const double fc = c - static_cast<double>(c0);
      for (std::int64_t p = 0; p < planes(x); ++p) {
        const auto at = [&](std::int64_t row, std::int64_t column) {
          return double{x.f32()[static_cast<std::size_t>((p * s.h + row) * s.w + column)]};
        };
        const double upper = (1 - fc) * at(r0, c0) + fc * at(r0, c1),
                     lower = (1 - fc) * at(r1, c0) + fc * at(r1, c1);
        y.f32()[static_cast<std::size_t>((p * height + i) * width + j)] =
            static_cast<float>((1 - fr) * upper + fr * lower);
      }
    }
  }
  return y;
}

Tensor blur(const Tensor& x, double sigma) {
  if (!(sigma > 0.0)) return x.clone();
  const auto radius = static_cast<std::int64_t>(4.0 * sigma + 0.5);
  std::vector<double> k;
  double sum = 0.0;
  for (std::int64_t d = -radius; d <= radius; ++d) {
    k.push_back(std::exp(-0.5 * static_cast<double>(d * d) / (sigma * sigma)));
    sum += k.back();
  }
  for (double& v : k) v /= sum;
  const Shape& s = x.shape();
  Tensor rows = zeros(s), y = zeros(s);
  for (std::int64_t p = 0; p < planes(x); ++p) {
    const std::int64_t at = p * s.plane();
    for (std::int64_t i = 0; i < s.h; ++i) {
      filter_line(x.f32().data() + at + i * s.w, rows.f32().data() + at + i * s.w, s.w, 1, k);
    }
    for (std::int64_t j = 0; j < s.w; ++j) {
      filter_line(rows.f32().data() + at + j, y.f32().data() + at + j, s.h, s.w, k);
    }
  }
  return y;
}

}  // namespace cutaway::explain
