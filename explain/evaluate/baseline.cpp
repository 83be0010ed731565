#include "explain/evaluate/baseline.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "explain/tensor_math.h"
#include "runtime/error.h"
#include "runtime/philox.h"

namespace cutaway::explain {
namespace {

constexpr std::array kNames{"random", "center", "sobel", "input"};

void center(const Shape& s, std::span<float> map) {
  const double cy = 0.5 * static_cast<double>(s.h - 1), cx = 0.5 * static_cast<double>(s.w - 1);
  const double sy = 0.25 * static_cast<double>(s.h), sx = 0.25 * static_cast<double>(s.w);
  for (std::int64_t y = 0; y < s.h; ++y) {
    for (std::int64_t x = 0; x < s.w; ++x) {
      const double dy = (static_cast<double>(y) - cy) / sy, dx = (static_cast<double>(x) - cx) / sx;
      map[static_cast<std::size_t>(y * s.w + x)] =
          static_cast<float>(std::exp(-0.5 * (dy * dy + dx * dx)));
    }
  }
}

void sobel(const Tensor& picture, std::span<float> map) {
  const Tensor gray = reduce_channels(picture, kernels::ChannelReduction::kSum);
  const Shape& s = gray.shape();
  const auto channels = static_cast<double>(picture.shape().c);
  const auto at = [&](std::int64_t y, std::int64_t x) {
    const std::int64_t row = std::clamp<std::int64_t>(y, 0, s.h - 1);
    const std::int64_t column = std::clamp<std::int64_t>(x, 0, s.w - 1);
    return static_cast<double>(gray.f32()[static_cast<std::size_t>(row * s.w + column)]) / channels;
  };
  for (std::int64_t y = 0; y < s.h; ++y) {
    for (std::int64_t x = 0; x < s.w; ++x) {
      double dx = 0.0, dy = 0.0;
      for (std::int64_t k = -1; k <= 1; ++k) {
        const double weight = k == 0 ? 2.0 : 1.0;
        dx += weight * (at(y + k, x + 1) - at(y + k, x - 1));
        dy += weight * (at(y + 1, x + k) - at(y - 1, x + k));
      }
      map[static_cast<std::size_t>(y * s.w + x)] = static_cast<float>(std::hypot(dx, dy));
    }
  }
}

}  // namespace

const char* to_string(Baseline baseline) { return kNames.at(static_cast<std::size_t>(baseline)); }

std::vector<std::string> baseline_names() { return {kNames.begin(), kNames.end()}; }

Baseline find_baseline(std::string_view name) {
  const auto* const found = std::ranges::find(kNames, name);
  if (found != kNames.end()) return static_cast<Baseline>(found - kNames.begin());
  throw Error(ErrorKind::kUsage, "baseline")
      .expected("random, center, sobel or input")
      .got(std::string(name));
}

Tensor baseline_map(Baseline baseline,
                    const Tensor& picture,
                    std::uint64_t seed,
                    std::uint64_t number) {
  const Shape& s = picture.shape();
  if (s.n != 1) throw Error(ErrorKind::kShape, "baseline map").expected("one picture");
  Tensor map = zeros({1, 1, s.h, s.w});
  if (baseline == Baseline::kCenter) {
    center(s, map.f32());
  } else if (baseline == Baseline::kSobel) {
    sobel(picture, map.f32());
  } else if (baseline == Baseline::kInput) {
    map = reduce_channels(picture, kernels::ChannelReduction::kSumAbs);
  } else {
    const Philox random{seed, number};
    for (std::size_t i = 0; i < map.f32().size(); ++i) map.f32()[i] = random.uniform(i);
  }
  return map;
}

}  // namespace cutaway::explain
