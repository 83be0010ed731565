#pragma once

#include "kernels/conv.h"

// The reference convolution: one body for both devices. Every op owns one stored element of the
// result and sums in double, in the fixed order (channel, row, column), so that it can judge the
// other engines.
namespace cutaway::kernels {

/// Where element i of the stored elements of a view stands.
struct StoredIndex {
  std::int64_t n, c, h, w;
};

/// Number of elements the reference visits in `v`, padding lanes included.
template <class T>
[[nodiscard]] CUTAWAY_HD constexpr std::int64_t visited(const View<T>& v) {
  return v.shape.n * v.blocks() * v.lanes() * v.shape.h * v.shape.w;
}

template <class T>
[[nodiscard]] CUTAWAY_HD constexpr StoredIndex stored_index(const View<T>& v, std::int64_t i) {
  const std::int64_t lane = i % v.lanes();
  i /= v.lanes();
  const std::int64_t w = i % v.shape.w;
  i /= v.shape.w;
  const std::int64_t h = i % v.shape.h;
  i /= v.shape.h;
  return {i / v.blocks(), i % v.blocks() * v.block + lane, h, w};
}

/// y = x * w + bias, optionally clamped at 0.
struct ReferenceConvForward {
  ConvGeometry g;
  View<const float> x;
  View<float> y;
  const float* w;
  const float* bias;
  bool relu;

  CUTAWAY_HD void operator()(std::int64_t i) const {
    const StoredIndex at = stored_index(y, i);
    y.data[y.offset(at.n, at.c, at.h, at.w)] =
        at.c < y.shape.c ? static_cast<float>(value(at)) : 0.0f;
  }

  CUTAWAY_HD double value(const StoredIndex& at) const {
    const std::int64_t in_channels = x.shape.c / g.groups;
    const std::int64_t first = at.c / (y.shape.c / g.groups) * in_channels;
    const float* filter = w + at.c * in_channels * g.kernel_h * g.kernel_w;
    double sum = 0.0;
    for (std::int64_t c = 0; c < in_channels; ++c) {
      for (std::int64_t u = 0; u < g.kernel_h; ++u) {
        const std::int64_t row = at.h * g.stride_h - g.pad_h + u * g.dilation_h;
        for (std::int64_t v = 0; v < g.kernel_w; ++v, ++filter) {
          const std::int64_t column = at.w * g.stride_w - g.pad_w + v * g.dilation_w;
          if (row < 0 || row >= x.shape.h || column < 0 || column >= x.shape.w) continue;
          sum += static_cast<double>(*filter) *
                 static_cast<double>(x.at(at.n, first + c, row, column));
        }
      }
    }
    if (bias != nullptr) sum += static_cast<double>(bias[at.c]);
    return relu && sum < 0.0 ? 0.0 : sum;
  }
};

/// dx, the adjoint of the forward pass applied to dy.
struct ReferenceConvBackwardData {
  ConvGeometry g;
  View<const float> dy;
  View<float> dx;
  const float* w;

  CUTAWAY_HD void operator()(std::int64_t i) const {
    const StoredIndex at = stored_index(dx, i);
    dx.data[dx.offset(at.n, at.c, at.h, at.w)] =
        at.c < dx.shape.c ? static_cast<float>(value(at)) : 0.0f;
  }

  CUTAWAY_HD double value(const StoredIndex& at) const {
    const std::int64_t in_channels = dx.shape.c / g.groups;
    const std::int64_t out_channels = dy.shape.c / g.groups;
    const std::int64_t group = at.c / in_channels;
    const std::int64_t taps = std::int64_t{g.kernel_h} * g.kernel_w;
    double sum = 0.0;
    for (std::int64_t o = group * out_channels; o < (group + 1) * out_channels; ++o) {
      const float* filter = w + (o * in_channels + at.c % in_channels) * taps;
      for (std::int64_t u = 0; u < g.kernel_h; ++u) {
        const std::int64_t row = at.h + g.pad_h - u * g.dilation_h;
        if (row < 0 || row % g.stride_h != 0 || row / g.stride_h >= dy.shape.h) continue;
        for (std::int64_t v = 0; v < g.kernel_w; ++v) {
          const std::int64_t column = at.w + g.pad_w - v * g.dilation_w;
          if (column < 0 || column % g.stride_w != 0 || column / g.stride_w >= dy.shape.w) continue;
          sum += static_cast<double>(filter[u * g.kernel_w + v]) *
                 static_cast<double>(dy.at(at.n, o, row / g.stride_h, column / g.stride_w));
        }
      }
    }
    return sum;
  }
};

/// dw in OIHW: the gradient of <y, dy> with respect to the weights.
struct ReferenceConvBackwardWeights {
  ConvGeometry g;
  View<const float> x, dy;
  float* dw;

  CUTAWAY_HD void operator()(std::int64_t i) const {
    const std::int64_t in_channels = x.shape.c / g.groups;
    const std::int64_t v = i % g.kernel_w;
    const std::int64_t u = i / g.kernel_w % g.kernel_h;
    const std::int64_t oc = i / (std::int64_t{g.kernel_w} * g.kernel_h);
    const std::int64_t o = oc / in_channels;
    const std::int64_t c = o / (dy.shape.c / g.groups) * in_channels + oc % in_channels;
    double sum = 0.0;
    for (std::int64_t n = 0; n < x.shape.n; ++n) {
      for (std::int64_t h = 0; h < dy.shape.h; ++h) {
        const std::int64_t row = h * g.stride_h - g.pad_h + u * g.dilation_h;
        if (row < 0 || row >= x.shape.h) continue;
        for (std::int64_t col = 0; col < dy.shape.w; ++col) {
          const std::int64_t column = col * g.stride_w - g.pad_w + v * g.dilation_w;
          if (column < 0 || column >= x.shape.w) continue;
          sum += static_cast<double>(dy.at(n, o, h, col)) *
                 static_cast<double>(x.at(n, c, row, column));
        }
      }
    }
    dw[i] = static_cast<float>(sum);
  }
};

/// Queues the pass of `p` on either stream type; include the for_each of the device first.
template <class S>
void run_reference_conv(S& stream, const ConvProblem& p, const ConvArguments& a) {
  switch (p.pass) {
    case ConvPass::kForward:
      for_each_index(
          stream, visited(a.out),
          ReferenceConvForward{p.g, a.in, a.out, a.w, p.bias ? a.bias : nullptr, p.relu});
      return;
    case ConvPass::kBackwardData:
      for_each_index(stream, visited(a.out), ReferenceConvBackwardData{p.g, a.in, a.out, a.w});
      return;
    case ConvPass::kBackwardWeights:
      for_each_index(stream, p.y.c * (p.x.c / p.g.groups) * p.g.kernel_h * p.g.kernel_w,
                     ReferenceConvBackwardWeights{p.g, a.in, a.in2, a.dw});
      return;
  }
}

}  // namespace cutaway::kernels
