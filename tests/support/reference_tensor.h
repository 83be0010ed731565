#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "layers/layer.h"

/// Tensors in double, and what a reference of a layer is called with.
namespace cutaway::tests {

using Values = std::vector<double>;

/// A dense NCHW tensor in double.
struct RefTensor {
  Shape shape;
  Values v;

  explicit RefTensor(const Shape& s) : shape(s), v(static_cast<std::size_t>(s.count()), 0.0) {}
  RefTensor(const Shape& s, Values values) : shape(s), v(std::move(values)) {}
  double& at(std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w) {
    return v[index(n, c, h, w)];
  }
  double at(std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w) const {
    return v[index(n, c, h, w)];
  }
  /// 0 outside the image.
  [[nodiscard]] double padded(std::int64_t n,
                              std::int64_t c,
                              std::int64_t h,
                              std::int64_t w) const {
    return h < 0 || h >= shape.h || w < 0 || w >= shape.w ? 0.0 : at(n, c, h, w);
  }

 private:
  [[nodiscard]] std::size_t index(std::int64_t n,
                                  std::int64_t c,
                                  std::int64_t h,
                                  std::int64_t w) const {
    return static_cast<std::size_t>(((n * shape.c + c) * shape.h + h) * shape.w + w);
  }
};

/// Calls f(n, c, h, w) for every element.
template <class F>
void for_each(const Shape& s, F f) {
  for (std::int64_t n = 0; n < s.n; ++n) {
    for (std::int64_t c = 0; c < s.c; ++c) {
      for (std::int64_t h = 0; h < s.h; ++h) {
        for (std::int64_t w = 0; w < s.w; ++w) f(n, c, h, w);
      }
    }
  }
}

struct RefCall {
  RefCall(const Layer& layer,
          const std::vector<RefTensor>& inputs,
          const std::vector<RefTensor>& parameters,
          bool train,
          RefTensor& output)
      : a(layer.attributes()), in(inputs), params(parameters), training(train), y(output) {}
  [[nodiscard]] std::int64_t get(const char* name) const { return a.integer(name, 0, 0, 1 << 24); }

  const Attributes a;
  const std::vector<RefTensor>& in;
  const std::vector<RefTensor>& params;
  bool training;
  RefTensor& y;
  // Looked up once: these stand in inner loops.
  const std::int64_t kernel_h{get("kernel_h")}, kernel_w{get("kernel_w")};
  const std::int64_t stride_h{get("stride_h")}, stride_w{get("stride_w")};
  const std::int64_t pad_h{get("pad_h")}, pad_w{get("pad_w")};
  const std::int64_t dilation_h{get("dilation_h")}, dilation_w{get("dilation_w")};
};

}  // namespace cutaway::tests
