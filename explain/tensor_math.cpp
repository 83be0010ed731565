#include "explain/tensor_math.h"

#include <cmath>

#include "kernels/gemm.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

// Maps of a batch are small; the kernels split the work over threads only where it pays.
template <class K>
void run_on_cpu(const K& kernel) {
  CpuStream stream;
  kernels::run(stream, kernel);
}

Tensor one_channel_like(const Tensor& x) {
  return {kCpuDevice, DType::kF32, {x.shape().n, 1, x.shape().h, x.shape().w}};
}

}  // namespace

Tensor reduce_channels(const Tensor& x, kernels::ChannelReduction reduction) {
  Tensor y = one_channel_like(x);
  run_on_cpu(kernels::ReduceChannels{x.ref().in(), y.ref().out(), reduction});
  return y;
}

Tensor plane_means(const Tensor& x) {
  const Shape& s = x.shape();
  Tensor y(kCpuDevice, DType::kF32, {s.n, s.c, 1, 1});
  const auto plane = static_cast<std::size_t>(s.plane());
  for (std::size_t i = 0; i < y.f32().size(); ++i) {
    double sum = 0.0;
    for (const float v : x.f32().subspan(i * plane, plane)) sum += v;
    y.f32()[i] = static_cast<float>(sum / static_cast<double>(plane));
  }
  return y;
}

Tensor weighted_sum(const Tensor& x, std::span<const float> weights, bool relu) {
  check(static_cast<std::int64_t>(weights.size()) == x.shape().n * x.shape().c,
        "one weight a channel and image");
  Tensor y = one_channel_like(x);
  run_on_cpu(
      kernels::WeightedChannelSum{x.ref().in(), weights.data(), x.shape().c, y.ref().out(), relu});
  return y;
}

Tensor weighted_sums(const Tensor& x, std::span<const float> weights, int threads) {
  const Shape& s = x.shape();
  check(!weights.empty() && static_cast<std::int64_t>(weights.size()) % s.c == 0,
        "rows of one weight a channel");
  const std::int64_t rows = static_cast<std::int64_t>(weights.size()) / s.c;
  Tensor y(kCpuDevice, DType::kF32, {s.n, rows, s.h, s.w});
  CpuStream stream(threads);
  for (std::int64_t n = 0; n < s.n; ++n) {
    kernels::Gemm k;
    k.m = rows;
    k.n = s.plane();
    k.k = s.c;
    k.a = weights.data();
    k.lda = s.c;
    k.b = x.f32().data() + n * s.c * s.plane();
    k.ldb = s.plane();
    k.c = y.f32().data() + n * rows * s.plane();
    k.ldc = s.plane();
    kernels::run(stream, k);
  }
  return y;
}

Tensor multiply(const Tensor& x, const Tensor& y) {
  const Shape& s = x.shape();
  const Shape& t = y.shape();
  check(s.n == t.n && s.h == t.h && s.w == t.w && (t.c == s.c || t.c == 1),
        "factors of different shapes");
  Tensor product = x.clone();
  const auto plane = static_cast<std::size_t>(s.plane());
  const auto channels = static_cast<std::size_t>(s.c);
  for (std::size_t i = 0; i < product.f32().size(); ++i) {
    const std::size_t pixel = i % plane;
    const std::size_t image = i / plane / channels;
    product.f32()[i] *= t.c == s.c ? y.f32()[i] : y.f32()[image * plane + pixel];
  }
  return product;
}

Tensor upsample(const Tensor& x, std::int64_t height, std::int64_t width) {
  Tensor y(kCpuDevice, DType::kF32, {x.shape().n, x.shape().c, height, width});
  run_on_cpu(kernels::ResizeBilinear{x.ref().in(), y.ref().out()});
  return y;
}

Peak peak(const Tensor& x, std::int64_t image, std::int64_t channel) {
  const Shape& s = x.shape();
  const auto plane = static_cast<std::size_t>(s.plane());
  const auto values =
      x.f32().subspan(static_cast<std::size_t>(image * s.c + channel) * plane, plane);
  std::size_t best = 0;
  for (std::size_t i = 0; i < plane && !std::isnan(values[best]); ++i) {
    if (values[i] > values[best] || std::isnan(values[i])) best = i;
  }
  const auto at = static_cast<std::int64_t>(best);
  return {values[best], at / s.w, at % s.w};
}

std::int64_t strongest_channel(const Tensor& x, std::int64_t image) {
  std::int64_t best = 0;
  float most = peak(x, image, 0).value;
  for (std::int64_t c = 1; c < x.shape().c; ++c) {
    const float value = peak(x, image, c).value;
    if (value > most) {
      most = value;
      best = c;
    }
  }
  return best;
}

std::int64_t arg_max(const Tensor& x, std::int64_t image) { return strongest_channel(x, image); }

}  // namespace cutaway::explain
