#include "explain/evaluate/fill.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "layers/graph.h"
#include "runtime/error.h"
#include "runtime/philox.h"

namespace cutaway::explain {
namespace {

constexpr std::array kNames{"zero", "blur", "mean", "color", "shuffle"};
constexpr double kSigma = 5.0;
constexpr std::int64_t kReach = 20;  // scipy.ndimage cuts a Gaussian off at 4 sigma
constexpr std::int64_t kMiddle = kBlurTaps / 2;

/// Convolves rows (or columns) of one plane, zeros outside.
void convolve(std::span<const float> in,
              std::span<float> out,
              std::int64_t lines,
              std::int64_t length,
              std::int64_t line_stride,
              std::int64_t stride) {
  const auto kernel = blur_kernel();
  for (std::int64_t line = 0; line < lines; ++line) {
    for (std::int64_t i = 0; i < length; ++i) {
      double sum = 0.0;
      for (std::int64_t k = 0; k < kBlurTaps; ++k) {
        const std::int64_t at = i + k - kMiddle;
        if (at < 0 || at >= length) continue;
        sum += kernel[static_cast<std::size_t>(k)] *
               static_cast<double>(in[static_cast<std::size_t>(line * line_stride + at * stride)]);
      }
      out[static_cast<std::size_t>(line * line_stride + i * stride)] = static_cast<float>(sum);
    }
  }
}

Tensor shuffled(const Tensor& picture, std::uint64_t seed) {
  const auto plane = static_cast<std::size_t>(picture.shape().plane());
  std::vector<std::size_t> order(plane);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const Philox random{seed, 0};
  for (std::size_t i = plane; i > 1; --i) {
    std::swap(order[i - 1], order[random.word(i) % i]);
  }
  Tensor out = picture.clone();
  for (std::size_t k = 0; k < out.f32().size(); ++k) {
    out.f32()[k] = picture.f32()[k / plane * plane + order[k % plane]];
  }
  return out;
}

}  // namespace

const char* to_string(FillKind kind) { return kNames.at(static_cast<std::size_t>(kind)); }

FillKind find_fill(std::string_view name) {
  const auto* const found = std::ranges::find(kNames, name);
  if (found != kNames.end()) return static_cast<FillKind>(found - kNames.begin());
  throw Error(ErrorKind::kUsage, "what removed pixels become")
      .expected("zero, blur, mean, color or shuffle")
      .got(std::string(name));
}

std::array<double, kBlurTaps> blur_kernel() {
  std::array<double, kBlurTaps> kernel{};
  double total = 0.0;
  for (std::int64_t d = -kReach; d <= kReach; ++d) {
    const double weight = std::exp(-0.5 * static_cast<double>(d * d) / (kSigma * kSigma));
    total += weight;
    // Where the impulse's share at distance d lands: mirrored until it is inside.
    std::int64_t at = kMiddle + d;
    while (at < 0 || at >= kBlurTaps) at = at < 0 ? -1 - at : 2 * kBlurTaps - 1 - at;
    kernel[static_cast<std::size_t>(at)] += weight;
  }
  for (double& v : kernel) v /= total;
  return kernel;
}

Tensor blurred(const Tensor& picture) {
  const Shape& s = picture.shape();
  Tensor across = picture.clone(), out = picture.clone();
  const auto plane = static_cast<std::size_t>(s.plane());
  for (std::int64_t k = 0; k < s.n * s.c; ++k) {
    const std::size_t at = static_cast<std::size_t>(k) * plane;
    const auto middle = across.f32().subspan(at, plane);
    convolve(picture.f32().subspan(at, plane), middle, s.h, s.w, s.w, 1);
    convolve(middle, out.f32().subspan(at, plane), s.w, s.h, 1, s.w);
  }
  return out;
}

Tensor filled(const Tensor& picture, const Fill& fill) {
  const Shape& s = picture.shape();
  if (fill.kind == FillKind::kZero) return zeros(s);
  if (fill.kind == FillKind::kBlur) return blurred(picture);
  if (fill.kind == FillKind::kShuffle) return shuffled(picture, fill.seed);
  if (fill.kind == FillKind::kColor && static_cast<std::int64_t>(fill.color.size()) != s.c) {
    throw Error(ErrorKind::kShape, "colour of removed pixels")
        .expected(std::to_string(s.c) + " values, one a channel")
        .got(std::to_string(fill.color.size()));
  }
  Tensor out(kCpuDevice, DType::kF32, s);
  const auto plane = static_cast<std::size_t>(s.plane());
  for (std::size_t c = 0; c < static_cast<std::size_t>(s.n * s.c); ++c) {
    float value = 0.0f;
    if (fill.kind == FillKind::kColor) {
      value = fill.color[c % static_cast<std::size_t>(s.c)];
    } else {
      double sum = 0.0;
      for (const float v : picture.f32().subspan(c * plane, plane)) sum += static_cast<double>(v);
      value = static_cast<float>(sum / static_cast<double>(plane));
    }
    std::ranges::fill(out.f32().subspan(c * plane, plane), value);
  }
  return out;
}

}  // namespace cutaway::explain
