#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tests/support/reference_tensor.h"

/// References of layers that move values or interpolate between them.
namespace cutaway::tests {

inline void ref_slice(const RefCall& r) {
  const auto place = [&](const std::string& axis, std::int64_t i) {
    return r.get((axis + "_start").c_str()) + i * r.get((axis + "_step").c_str());
  };
  for_each(r.y.shape, [&](auto n, auto c, auto h, auto w) {
    r.y.at(n, c, h, w) = r.in[0].at(n, place("channel", c), place("row", h), place("column", w));
  });
}

/// By numpy's rules: x[n] is seen with `extents`, its axes are put into `order`, and what comes out
/// is read as y[n].
inline void permute_image(const RefCall& r,
                          const std::vector<std::int64_t>& extents,
                          const std::vector<std::size_t>& order) {
  std::vector<std::int64_t> strides(extents.size(), 1);
  for (std::size_t k = extents.size() - 1; k > 0; --k) strides[k - 1] = strides[k] * extents[k];
  const auto image = static_cast<std::int64_t>(r.y.v.size()) / r.y.shape.n;
  for (std::int64_t n = 0; n < r.y.shape.n; ++n) {
    for (std::int64_t i = 0; i < image; ++i) {
      std::int64_t rest = i, from = 0;
      for (std::size_t k = order.size(); k-- > 0;) {
        from += rest % extents[order[k]] * strides[order[k]];
        rest /= extents[order[k]];
      }
      r.y.v[static_cast<std::size_t>(n * image + i)] =
          r.in[0].v[static_cast<std::size_t>(n * image + from)];
    }
  }
}

inline void ref_rearrange(const RefCall& r) {
  const Shape& s = r.in[0].shape;
  const std::string kind = r.a.text("kind", "");
  const std::int64_t b = r.get("block"), g = r.get("groups");
  const bool crd = r.a.flag("column_first", false);
  if (kind == "channel_shuffle") return permute_image(r, {g, s.c / g, s.h, s.w}, {1, 0, 2, 3});
  if (kind == "depth_to_space" && crd)
    return permute_image(r, {s.c / b / b, b, b, s.h, s.w}, {0, 3, 1, 4, 2});
  if (kind == "depth_to_space")
    return permute_image(r, {b, b, s.c / b / b, s.h, s.w}, {2, 3, 0, 4, 1});
  if (kind == "space_to_depth" && crd)
    return permute_image(r, {s.c, s.h / b, b, s.w / b, b}, {0, 2, 4, 1, 3});
  if (kind == "space_to_depth")
    return permute_image(r, {s.c, s.h / b, b, s.w / b, b}, {2, 4, 0, 1, 3});
  if (kind == "transpose") {
    std::vector<std::size_t> order;
    for (const char axis : r.a.text("order", "")) order.push_back(std::string("chw").find(axis));
    return permute_image(r, {s.c, s.h, s.w}, order);
  }
  permute_image(r, {s.c, s.h, s.w}, {0, 1, 2});
}

/// The weights of one axis: what output i takes of every input (the formulas of ONNX's Resize).
inline std::vector<double> resize_weights(
    const RefCall& r, std::int64_t i, std::int64_t in, std::int64_t out, double scale) {
  if (scale == 0.0) scale = static_cast<double>(out) / static_cast<double>(in);
  const std::string rule = r.a.text("coordinates", "");
  const auto at = static_cast<double>(i), from = static_cast<double>(in),
             to = static_cast<double>(out);
  double x = (at + 0.5) / scale - 0.5;
  if (rule == "pytorch_half_pixel" && out == 1) x = 0.0;
  if (rule == "half_pixel_symmetric") x += from / 2.0 - to / (2.0 * scale);
  if (rule == "asymmetric") x = at / scale;
  if (rule == "align_corners") x = out == 1 ? 0.0 : at * (from - 1.0) / (to - 1.0);
  const std::string interpolation = r.a.text("interpolation", "");
  if (interpolation == "nearest") x = std::ceil(x - 0.5);
  if (interpolation == "nearest_ceil") x = std::floor(x + 0.5);
  if (interpolation == "floor") x = std::floor(x);
  if (interpolation == "ceil") x = std::ceil(x);
  x = std::min(std::max(x, 0.0), from - 1.0);
  std::vector<double> weights(static_cast<std::size_t>(in), 0.0);
  for (std::int64_t k = 0; k < in; ++k)
    weights[static_cast<std::size_t>(k)] =
        std::max(0.0, 1.0 - std::fabs(x - static_cast<double>(k)));
  return weights;
}

inline void ref_resize(const RefCall& r) {
  const Shape& s = r.in[0].shape;
  for_each({1, 1, r.y.shape.h, r.y.shape.w}, [&](auto, auto, auto i, auto j) {
    const auto rows = resize_weights(r, i, s.h, r.y.shape.h, r.a.number("scale_h", 0));
    const auto columns = resize_weights(r, j, s.w, r.y.shape.w, r.a.number("scale_w", 0));
    for_each(s, [&](auto n, auto c, auto h, auto w) {
      r.y.at(n, c, i, j) += rows[static_cast<std::size_t>(h)] *
                            columns[static_cast<std::size_t>(w)] * r.in[0].at(n, c, h, w);
    });
  });
}

}  // namespace cutaway::tests
