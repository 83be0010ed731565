#include "explain/visualize/penalty.h"

#include <cmath>

namespace cutaway::explain {
namespace {

/// Calls f(here, right, below, right difference, lower difference) for every pixel of every plane.
template <class F>
void differences(const Tensor& x, const F& f) {
  const Shape& s = x.shape();
  const std::span<const float> v = x.f32();
  for (std::int64_t p = 0; p < s.n * s.c; ++p) {
    for (std::int64_t i = 0; i < s.h; ++i) {
      for (std::int64_t j = 0; j < s.w; ++j) {
        const auto at = static_cast<std::size_t>((p * s.h + i) * s.w + j);
        const std::size_t right = j + 1 < s.w ? at + 1 : at;
        const std::size_t below = i + 1 < s.h ? at + static_cast<std::size_t>(s.w) : at;
        f(at, right, below, double{v[right]} - double{v[at]}, double{v[below]} - double{v[at]});
      }
    }
  }
}

void spread(Tensor& dx, std::size_t at, std::size_t to, double slope) {
  dx.f32()[to] += static_cast<float>(slope);
  dx.f32()[at] -= static_cast<float>(slope);
}

double sign(double v) { return v > 0.0 ? 1.0 : v < 0.0 ? -1.0 : 0.0; }

}  // namespace

double total_variation(const Tensor& x, double beta, float weight, Tensor* dx) {
  double value = 0.0;
  differences(x, [&](std::size_t at, std::size_t right, std::size_t below, double h, double v) {
    const double square = h * h + v * v;
    value += std::pow(square, beta / 2.0);
    if (dx == nullptr) return;
    const double slope =
        double{weight} * beta * std::pow(square + (beta < 2.0 ? 1e-8 : 0.0), beta / 2.0 - 1.0);
    spread(*dx, at, right, slope * h);
    spread(*dx, at, below, slope * v);
  });
  return value;
}

double anisotropic_variation(const Tensor& x, float weight, Tensor* dx) {
  double value = 0.0;
  differences(x, [&](std::size_t at, std::size_t right, std::size_t below, double h, double v) {
    value += std::abs(h) + std::abs(v);
    if (dx == nullptr) return;
    spread(*dx, at, right, double{weight} * sign(h));
    spread(*dx, at, below, double{weight} * sign(v));
  });
  return value;
}

double power_penalty(const Tensor& x, double power, float weight, Tensor* dx) {
  double value = 0.0;
  for (std::size_t i = 0; i < x.f32().size(); ++i) {
    const double v = double{x.f32()[i]};
    value += std::pow(std::abs(v), power);
    if (dx != nullptr) {
      dx->f32()[i] +=
          static_cast<float>(double{weight} * power * sign(v) * std::pow(std::abs(v), power - 1.0));
    }
  }
  return value;
}

}  // namespace cutaway::explain
