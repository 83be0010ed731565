#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/support/reference_moves.h"
#include "tests/support/reference_norms.h"
#include "tests/support/reference_pointwise.h"
#include "tests/support/reference_tensor.h"

/// What every layer computes, in double and the obvious way, from nothing but its attributes and
/// parameters: shares no code with the kernels. Evaluation mode, except batch normalisation.
namespace cutaway::tests {

inline void ref_conv(const RefCall& r) {
  const RefTensor& x = r.in[0];
  const RefTensor& weight = r.params[0];
  const std::int64_t groups = r.get("groups"), per_group = x.shape.c / groups;
  const std::int64_t out_per_group = r.y.shape.c / groups;
  const bool bias = r.a.flag("bias", true);
  for_each(r.y.shape, [&](auto n, auto o, auto i, auto j) {
    double sum = bias ? r.params[1].v[static_cast<std::size_t>(o)] : 0.0;
    for_each({1, per_group, r.kernel_h, r.kernel_w}, [&](auto, auto c, auto u, auto v) {
      sum += weight.at(o, c, u, v) * x.padded(n, o / out_per_group * per_group + c,
                                              i * r.stride_h - r.pad_h + u * r.dilation_h,
                                              j * r.stride_w - r.pad_w + v * r.dilation_w);
    });
    r.y.at(n, o, i, j) = sum;
  });
}

/// Every input value is spread over the places of its window.
inline void ref_conv_transpose(const RefCall& r) {
  const RefTensor& x = r.in[0];
  const std::int64_t groups = r.get("groups"), in_per_group = x.shape.c / groups;
  const std::int64_t per_group = r.y.shape.c / groups;
  const bool bias = r.a.flag("bias", true);
  for_each(r.y.shape, [&](auto n, auto o, auto i, auto j) {
    r.y.at(n, o, i, j) = bias ? r.params[1].v[static_cast<std::size_t>(o)] : 0.0;
  });
  for_each(x.shape, [&](auto n, auto c, auto h, auto w) {
    for_each({1, per_group, r.kernel_h, r.kernel_w}, [&](auto, auto o, auto u, auto v) {
      const std::int64_t i = h * r.stride_h - r.pad_h + u * r.dilation_h;
      const std::int64_t j = w * r.stride_w - r.pad_w + v * r.dilation_w;
      if (i < 0 || i >= r.y.shape.h || j < 0 || j >= r.y.shape.w) return;
      r.y.at(n, c / in_per_group * per_group + o, i, j) +=
          x.at(n, c, h, w) * r.params[0].at(c, o, u, v);
    });
  });
}

inline void ref_dense(const RefCall& r) {
  const bool bias = r.a.flag("bias", true);
  for_each(r.y.shape, [&](auto n, auto o, auto, auto) {
    double sum = bias ? r.params[1].v[static_cast<std::size_t>(o)] : 0.0;
    for (std::int64_t c = 0; c < r.in[0].shape.c; ++c)
      sum += r.params[0].at(o, c, 0, 0) * r.in[0].at(n, c, 0, 0);
    r.y.at(n, o, 0, 0) = sum;
  });
}

/// Visits the pixels of a pooling window, clipped to the image.
template <class F>
void in_window(const RefCall& r, std::int64_t i, std::int64_t j, F f) {
  const Shape& s = r.in[0].shape;
  for (std::int64_t u = 0; u < r.kernel_h; ++u) {
    for (std::int64_t v = 0; v < r.kernel_w; ++v) {
      const std::int64_t h = i * r.stride_h - r.pad_h + u;
      const std::int64_t w = j * r.stride_w - r.pad_w + v;
      if (h >= 0 && h < s.h && w >= 0 && w < s.w) f(h, w);
    }
  }
}

inline void ref_max_pool(const RefCall& r) {
  for_each(r.y.shape, [&](auto n, auto c, auto i, auto j) {
    double most = -HUGE_VAL;
    in_window(r, i, j, [&](auto h, auto w) { most = std::max(most, r.in[0].at(n, c, h, w)); });
    r.y.at(n, c, i, j) = most;
  });
}

inline void ref_average_pool(const RefCall& r) {
  const Shape& s = r.in[0].shape;
  // Positions of the window inside the padded image: what counts as area when padding counts.
  const auto extent = [](std::int64_t at, std::int64_t stride, std::int64_t pad,
                         std::int64_t kernel, std::int64_t size) {
    const std::int64_t start = at * stride - pad;
    return std::min(start + kernel, size + pad) - start;
  };
  const bool count_padding = r.a.flag("count_padding", true);
  for_each(r.y.shape, [&](auto n, auto c, auto i, auto j) {
    double sum = 0.0, count = 0.0;
    in_window(r, i, j, [&](auto h, auto w) {
      sum += r.in[0].at(n, c, h, w);
      count += 1.0;
    });
    if (count_padding) {
      count = static_cast<double>(extent(i, r.stride_h, r.pad_h, r.kernel_h, s.h) *
                                  extent(j, r.stride_w, r.pad_w, r.kernel_w, s.w));
    }
    r.y.at(n, c, i, j) = sum / count;
  });
}

inline void ref_global(const RefCall& r, bool maximum) {
  const Shape& s = r.in[0].shape;
  for_each(r.y.shape, [&](auto n, auto c, auto, auto) {
    double sum = 0.0, most = -HUGE_VAL;
    for_each({1, 1, s.h, s.w}, [&](auto, auto, auto h, auto w) {
      sum += r.in[0].at(n, c, h, w);
      most = std::max(most, r.in[0].at(n, c, h, w));
    });
    r.y.at(n, c, 0, 0) = maximum ? most : sum / static_cast<double>(s.plane());
  });
}

inline void ref_template_mask(const RefCall& r) {
  const RefTensor& x = r.in[0];
  const Shape& s = x.shape;
  const double beta = r.a.number("beta", 0), n = static_cast<double>(std::max(s.h, s.w));
  for (std::int64_t image = 0; image < s.n; ++image) {
    for (std::int64_t c = 0; c < s.c; ++c) {
      std::int64_t row = 0, column = 0;
      for_each({1, 1, s.h, s.w}, [&](auto, auto, std::int64_t h, std::int64_t w) {
        if (x.at(image, c, h, w) > x.at(image, c, row, column)) row = h, column = w;
      });
      for_each({1, 1, s.h, s.w}, [&](auto, auto, std::int64_t h, std::int64_t w) {
        const auto steps = static_cast<double>(std::abs(h - row) + std::abs(w - column));
        const double t = std::max(1.0 - beta * steps / n, -1.0);
        r.y.at(image, c, h, w) = std::max(0.0, x.at(image, c, h, w) * t);
      });
    }
  }
}

inline void ref_lrn(const RefCall& r) {
  const std::int64_t half = (r.get("size") - 1) / 2;
  const double scale = r.a.number("alpha", 0) / static_cast<double>(r.get("size"));
  const double k0 = r.a.number("k", 1), beta = r.a.number("beta", 0.75);
  for_each(r.y.shape, [&](auto n, auto c, auto h, auto w) {
    double sum = 0.0;
    for (auto k = std::max<std::int64_t>(0, c - half); k <= std::min(r.y.shape.c - 1, c + half);
         ++k) {
      sum += r.in[0].at(n, k, h, w) * r.in[0].at(n, k, h, w);
    }
    r.y.at(n, c, h, w) = r.in[0].at(n, c, h, w) * std::pow(k0 + scale * sum, -beta);
  });
}

inline void ref_batch_norm(const RefCall& r) {
  const RefTensor& x = r.in[0];
  for (std::int64_t c = 0; c < x.shape.c; ++c) {
    const auto i = static_cast<std::size_t>(c);
    double mean = r.params[2].v[i], variance = r.params[3].v[i];
    if (r.training) {
      const Shape one{x.shape.n, 1, x.shape.h, x.shape.w};
      mean = variance = 0.0;
      for_each(one, [&](auto n, auto, auto h, auto w) { mean += x.at(n, c, h, w); });
      mean /= static_cast<double>(one.count());
      for_each(one, [&](auto n, auto, auto h, auto w) {
        variance += std::pow(x.at(n, c, h, w) - mean, 2);
      });
      variance /= static_cast<double>(one.count());
    }
    for_each({x.shape.n, 1, x.shape.h, x.shape.w}, [&](auto n, auto, auto h, auto w) {
      r.y.at(n, c, h, w) = r.params[0].v[i] * (x.at(n, c, h, w) - mean) /
                               std::sqrt(variance + r.a.number("eps", 0)) +
                           r.params[1].v[i];
    });
  }
}

inline void ref_concat(const RefCall& r) {
  std::int64_t first = 0;
  for (const RefTensor& x : r.in) {
    for_each(x.shape, [&](auto n, auto c, auto h, auto w) {
      r.y.at(n, first + c, h, w) = x.at(n, c, h, w);
    });
    first += x.shape.c;
  }
}

inline void ref_add(const RefCall& r) {
  for (const RefTensor& x : r.in) {
    for (std::size_t i = 0; i < x.v.size(); ++i) r.y.v[i] += x.v[i];
  }
}

inline void ref_softmax(const RefCall& r) {
  for_each({r.y.shape.n, 1, r.y.shape.h, r.y.shape.w}, [&](auto n, auto, auto h, auto w) {
    double most = -HUGE_VAL, sum = 0.0;
    for (std::int64_t c = 0; c < r.y.shape.c; ++c) most = std::max(most, r.in[0].at(n, c, h, w));
    for (std::int64_t c = 0; c < r.y.shape.c; ++c) sum += std::exp(r.in[0].at(n, c, h, w) - most);
    for (std::int64_t c = 0; c < r.y.shape.c; ++c) {
      const double x = r.in[0].at(n, c, h, w) - most;
      r.y.at(n, c, h, w) = r.a.flag("log", false) ? x - std::log(sum) : std::exp(x) / sum;
    }
  });
}

inline void ref_pad(const RefCall& r) {
  const Shape& s = r.in[0].shape;
  const std::string mode = r.a.text("mode", "");
  const auto shown = [&](std::int64_t at, std::int64_t extent) {
    if (mode == "edge") return std::clamp<std::int64_t>(at, 0, extent - 1);
    if (at < 0) at = -at;
    return at >= extent ? 2 * (extent - 1) - at : at;
  };
  const std::int64_t top = r.get("top"), left = r.get("left");
  for_each(r.y.shape, [&](auto n, auto c, auto i, auto j) {
    const std::int64_t h = i - top, w = j - left;
    r.y.at(n, c, i, j) = mode == "zero" ? r.in[0].padded(n, c, h, w)
                                        : r.in[0].at(n, c, shown(h, s.h), shown(w, s.w));
  });
}

/// Every registered layer type, and nothing else: the test of the registry compares.
inline const std::map<std::string, std::function<void(const RefCall&)>, std::less<>>& references() {
  static const std::map<std::string, std::function<void(const RefCall&)>, std::less<>> table{
      {"activation", ref_activation},
      {"add", ref_add},
      {"average_pool", ref_average_pool},
      {"batch_norm", ref_batch_norm},
      {"clip",
       [](const RefCall& r) {
         for (std::size_t i = 0; i < r.y.v.size(); ++i) {
           r.y.v[i] = std::clamp(r.in[0].v[i], r.a.number("low", 0), r.a.number("high", 0));
         }
       }},
      {"concat", ref_concat},
      {"conv", ref_conv},
      {"conv_transpose", ref_conv_transpose},
      {"dense", ref_dense},
      {"dropout", ref_add},  // of one input: the identity
      {"elementwise", ref_elementwise},
      {"flatten", ref_add},  // NCHW order is the flat order
      {"global_average_pool", [](const RefCall& r) { ref_global(r, false); }},
      {"global_max_pool", [](const RefCall& r) { ref_global(r, true); }},
      {"group_norm", ref_group_norm},
      {"input", [](const RefCall&) {}},
      {"layer_norm", ref_layer_norm},
      {"template_mask", ref_template_mask},
      {"leaky_relu",
       [](const RefCall& r) {
         for (std::size_t i = 0; i < r.y.v.size(); ++i) {
           const double x = r.in[0].v[i];
           r.y.v[i] = x > 0 ? x : x * r.a.number("slope", 0);
         }
       }},
      {"lrn", ref_lrn},
      {"max_pool", ref_max_pool},
      {"pad", ref_pad},
      {"prelu", ref_prelu},
      {"rearrange", ref_rearrange},
      {"relu",
       [](const RefCall& r) {
         for (std::size_t i = 0; i < r.y.v.size(); ++i) r.y.v[i] = std::max(0.0, r.in[0].v[i]);
       }},
      {"resize", ref_resize},
      {"slice", ref_slice},
      {"softmax", ref_softmax},
  };
  return table;
}

/// Forward pass of one layer.
inline RefTensor reference(const Layer& layer,
                           const std::vector<RefTensor>& in,
                           const std::vector<RefTensor>& params,
                           bool training = false) {
  std::vector<Shape> shapes;
  for (const RefTensor& x : in) shapes.push_back(x.shape);
  RefTensor y(layer.infer(shapes));
  references().at(std::string(layer.type()))(RefCall(layer, in, params, training, y));
  return y;
}

}  // namespace cutaway::tests
