#include "explain/evaluate/continuity.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "runtime/error.h"
#include "runtime/philox.h"

namespace cutaway::explain {
namespace {

double sum_of(std::span<const float> values) {
  return std::accumulate(values.begin(), values.end(), 0.0,
                         [](double s, float v) { return s + static_cast<double>(v); });
}

/// NaN where the ratio is not defined.
double ratio_of(const ContinuityPair& p, bool normalized) {
  constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();
  if (p.map.size() != p.other_map.size() || p.picture.size() != p.other_picture.size()) {
    throw Error(ErrorKind::kShape, "pictures and maps of a pair").expected("equal sizes");
  }
  double square = 0.0;
  for (std::size_t i = 0; i < p.picture.size(); ++i) {
    const double d = static_cast<double>(p.picture[i]) - static_cast<double>(p.other_picture[i]);
    square += d * d;
  }
  if (square == 0.0) return kUndefined;
  const double scale = normalized ? sum_of(p.map) : 1.0;
  const double other_scale = normalized ? sum_of(p.other_map) : 1.0;
  if (scale == 0.0 || other_scale == 0.0) return kUndefined;
  double change = 0.0;
  for (std::size_t i = 0; i < p.map.size(); ++i) {
    change += std::fabs(static_cast<double>(p.map[i]) / scale -
                        static_cast<double>(p.other_map[i]) / other_scale);
  }
  return change / std::sqrt(square);
}

std::vector<std::pair<std::int64_t, std::int64_t>> pairs_of(std::int64_t n, Pairing pairing) {
  std::vector<std::pair<std::int64_t, std::int64_t>> pairs;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = i + 1; j < n; ++j) {
      const bool wanted = pairing == Pairing::kAll || (pairing == Pairing::kWithFirst && i == 0) ||
                          (pairing == Pairing::kConsecutive && j == i + 1);
      if (wanted) pairs.emplace_back(i, j);
    }
  }
  return pairs;
}

/// The maps of all pictures, in batches of one size (the last filled up with its first picture).
std::vector<float> explain_all(const Explainer& explainer,
                               const Tensor& pictures,
                               std::int64_t target,
                               std::int64_t batch,
                               Observer& observer) {
  const Shape& s = pictures.shape();
  const auto size = static_cast<std::size_t>(s.c * s.plane());
  Shape part = s;
  part.n = std::min(batch, s.n);
  const std::vector<std::int64_t> targets(static_cast<std::size_t>(part.n), target);
  std::vector<float> maps;
  for (std::int64_t first = 0; first < s.n; first += part.n) {
    throw_if_cancelled(observer);
    Tensor some(kCpuDevice, DType::kF32, part);
    const std::int64_t here = std::min(part.n, s.n - first);
    for (std::int64_t i = 0; i < part.n; ++i) {
      const auto from = static_cast<std::size_t>(first + (i < here ? i : 0)) * size;
      std::ranges::copy(
          pictures.f32().subspan(from, size),
          some.f32().begin() + static_cast<std::ptrdiff_t>(i) * static_cast<std::ptrdiff_t>(size));
    }
    const Tensor found = explainer(some, targets);
    const std::size_t map_size = found.f32().size() / static_cast<std::size_t>(part.n);
    const auto kept = found.f32().first(map_size * static_cast<std::size_t>(here));
    maps.insert(maps.end(), kept.begin(), kept.end());
    observer.progress("continuity", static_cast<double>(first + here), static_cast<double>(s.n));
  }
  return maps;
}

}  // namespace

Continuity continuity(std::span<const ContinuityPair> pairs, bool normalized) {
  std::vector<double> ratios;
  for (const ContinuityPair& pair : pairs) {
    const double ratio = ratio_of(pair, normalized);
    if (!std::isnan(ratio)) ratios.push_back(ratio);
  }
  Continuity c;
  c.pairs = static_cast<std::int64_t>(ratios.size());
  if (ratios.empty()) {
    c.maximum = c.quantile95 = c.mean = std::numeric_limits<double>::quiet_NaN();
    return c;
  }
  std::ranges::sort(ratios);
  c.maximum = ratios.back();
  c.mean = std::accumulate(ratios.begin(), ratios.end(), 0.0) / static_cast<double>(ratios.size());
  const double at = 0.95 * static_cast<double>(ratios.size() - 1);
  const auto low = static_cast<std::size_t>(at);
  const std::size_t high = std::min(low + 1, ratios.size() - 1);
  c.quantile95 = ratios[low] + (at - static_cast<double>(low)) * (ratios[high] - ratios[low]);
  return c;
}

Tensor translation_sequence(const Tensor& picture,
                            std::int64_t from,
                            std::int64_t to,
                            std::span<const float> fill) {
  if (to < from || picture.shape().n != 1) {
    throw Error(ErrorKind::kUsage, "translation sequence")
        .expected("one picture, and a last shift that is not below the first")
        .got(std::to_string(from) + " to " + std::to_string(to));
  }
  Shape s = picture.shape();
  s.n = to - from + 1;
  Tensor frames(kCpuDevice, DType::kF32, s);
  const auto width = static_cast<std::ptrdiff_t>(s.w);
  for (std::int64_t n = 0; n < s.n; ++n) {
    for (std::int64_t line = 0; line < s.c * s.h; ++line) {
      const float* in = picture.f32().data() + line * s.w;
      float* out = frames.f32().data() + (n * s.c * s.h + line) * s.w;
      const float outside = fill[static_cast<std::size_t>(line / s.h)];
      for (std::ptrdiff_t x = 0; x < width; ++x) {
        const std::ptrdiff_t at = x - static_cast<std::ptrdiff_t>(from + n);
        out[x] = at >= 0 && at < width ? in[at] : outside;
      }
    }
  }
  return frames;
}

Tensor jitters(const Tensor& picture,
               std::int64_t count,
               double sigma,
               const PixelSpace& pixels,
               std::uint64_t seed) {
  Shape s = picture.shape();
  if (count < 1 || s.n != 1 || static_cast<std::int64_t>(pixels.black.size()) != s.c) {
    throw Error(ErrorKind::kUsage, "jitters")
        .expected("one picture, at least one copy, and black and white of every channel");
  }
  s.n = count + 1;
  Tensor out(kCpuDevice, DType::kF32, s);
  const std::size_t size = picture.f32().size();
  const auto plane = static_cast<std::size_t>(s.plane());
  for (std::size_t n = 0; n < static_cast<std::size_t>(s.n); ++n) {
    const Philox random{seed, n};
    for (std::size_t at = 0; at < size; ++at) {
      const std::size_t c = at / plane;
      const float scale = static_cast<float>(sigma) * (pixels.white[c] - pixels.black[c]);
      out.f32()[n * size + at] = picture.f32()[at] + (n == 0 ? 0.0f : scale * normal(random, at));
    }
  }
  return out;
}

ContinuityResult measure_continuity(const Explainer& explainer,
                                    const Tensor& pictures,
                                    std::int64_t target,
                                    Pairing pairing,
                                    std::int64_t batch,
                                    Observer& observer) {
  const Shape& s = pictures.shape();
  if (batch < 1 || s.n < 2) {
    throw Error(ErrorKind::kUsage, "continuity").expected("at least two pictures and one a batch");
  }
  const std::vector<float> maps = explain_all(explainer, pictures, target, batch, observer);
  const std::size_t map_size = maps.size() / static_cast<std::size_t>(s.n);
  const auto size = static_cast<std::size_t>(s.c * s.plane());
  std::vector<ContinuityPair> pairs;
  for (const auto& [i, j] : pairs_of(s.n, pairing)) {
    const auto a = static_cast<std::size_t>(i), b = static_cast<std::size_t>(j);
    pairs.push_back({std::span(maps).subspan(a * map_size, map_size),
                     std::span(maps).subspan(b * map_size, map_size),
                     pictures.f32().subspan(a * size, size),
                     pictures.f32().subspan(b * size, size)});
  }
  return {continuity(pairs, false), continuity(pairs, true)};
}

}  // namespace cutaway::explain
