#include "explain/study/warp.h"

#include <cmath>

#include "runtime/error.h"

namespace cutaway::explain {
namespace {

/// Where a pixel of the result comes from: the taps (top, left) to (top + 1, left + 1), and how far
/// between them.
struct Source {
  std::int64_t top, left;
  double down, right;
};

Source split(double row, double column) {
  // Sines and cosines of right angles are off by rounding; what is meant to be a pixel is one.
  constexpr double kSnap = 1e-9;
  const auto snapped = [](double v) {
    return std::abs(v - std::round(v)) < kSnap ? std::round(v) : v;
  };
  const double r = snapped(row), c = snapped(column);
  return {static_cast<std::int64_t>(std::floor(r)), static_cast<std::int64_t>(std::floor(c)),
          r - std::floor(r), c - std::floor(c)};
}

}  // namespace

Tensor warp(const Tensor& x, const Motion& motion, std::span<const float> fill) {
  const Shape& s = x.shape();
  check(static_cast<std::int64_t>(fill.size()) == s.c, "a fill value a channel");
  if (!(motion.scale > 0.0) || !std::isfinite(motion.down) || !std::isfinite(motion.degrees)) {
    throw Error(ErrorKind::kUsage, "motion of an image")
        .expected("a scale above 0, finite numbers");
  }
  constexpr double kRadian = 3.14159265358979323846 / 180.0;
  const double cosine = std::cos(motion.degrees * kRadian),
               sine = std::sin(motion.degrees * kRadian);
  const double middle_row = static_cast<double>(s.h - 1) / 2,
               middle_column = static_cast<double>(s.w - 1) / 2;
  Tensor y = zeros(s);
  const View<const float> in = x.ref().in();
  View<float> out = y.ref().out();
  for (std::int64_t i = 0; i < s.h; ++i) {
    for (std::int64_t j = 0; j < s.w; ++j) {
      // The way back: rows grow downwards, so a counter-clockwise turn by a brings (down, right)
      // from here.
      const double down = static_cast<double>(i) - middle_row - motion.down;
      const double right = static_cast<double>(j) - middle_column;
      const Source from = split(middle_row + (cosine * down + sine * right) / motion.scale,
                                middle_column + (cosine * right - sine * down) / motion.scale);
      for (std::int64_t n = 0; n < s.n; ++n) {
        for (std::int64_t c = 0; c < s.c; ++c) {
          const auto tap = [&](std::int64_t row, std::int64_t column) {
            const bool inside = row >= 0 && row < s.h && column >= 0 && column < s.w;
            return static_cast<double>(inside ? in.at(n, c, row, column)
                                              : fill[static_cast<std::size_t>(c)]);
          };
          const double above = (1 - from.right) * tap(from.top, from.left) +
                               from.right * tap(from.top, from.left + 1);
          const double below = (1 - from.right) * tap(from.top + 1, from.left) +
                               from.right * tap(from.top + 1, from.left + 1);
          out.at(n, c, i, j) = static_cast<float>((1 - from.down) * above + from.down * below);
        }
      }
    }
  }
  return y;
}

}  // namespace cutaway::explain
