#pragma once

#include <cmath>
#include <functional>

#include "tests/support/reference_tensor.h"

/// References of normalisations within an image.
namespace cutaway::tests {

/// Normalises the elements that `visit` hands out to moments of their own.
inline void normalise_set(
    const RefCall& r,
    const std::function<
        void(const std::function<void(std::int64_t, std::int64_t, std::int64_t, std::int64_t)>&)>&
        visit) {
  const RefTensor& x = r.in[0];
  double mean = 0.0, variance = 0.0, count = 0.0;
  visit([&](auto n, auto c, auto h, auto w) {
    mean += x.at(n, c, h, w);
    count += 1.0;
  });
  mean /= count;
  visit([&](auto n, auto c, auto h, auto w) { variance += std::pow(x.at(n, c, h, w) - mean, 2); });
  variance /= count;
  const bool affine = r.a.flag("affine", true);
  visit([&](auto n, auto c, auto h, auto w) {
    const auto i = static_cast<std::size_t>(c);
    const double normal = (x.at(n, c, h, w) - mean) / std::sqrt(variance + r.a.number("eps", 0));
    r.y.at(n, c, h, w) = affine ? normal * r.params[0].v[i] + r.params[1].v[i] : normal;
  });
}

inline void ref_group_norm(const RefCall& r) {
  const Shape& s = r.in[0].shape;
  const std::int64_t groups = r.get("groups") == 0 ? s.c : r.get("groups");
  const std::int64_t size = s.c / groups;
  for (std::int64_t n = 0; n < s.n; ++n) {
    for (std::int64_t g = 0; g < groups; ++g) {
      normalise_set(r, [&](const auto& f) {
        for_each({1, size, s.h, s.w},
                 [&](auto, auto c, auto h, auto w) { f(n, g * size + c, h, w); });
      });
    }
  }
}

inline void ref_layer_norm(const RefCall& r) {
  const Shape& s = r.in[0].shape;
  for_each({s.n, 1, s.h, s.w}, [&](auto n, auto, auto h, auto w) {
    normalise_set(r, [&](const auto& f) {
      for (std::int64_t c = 0; c < s.c; ++c) f(n, c, h, w);
    });
  });
}

}  // namespace cutaway::tests
