#include "explain/evaluate/robustness.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "layers/receptive_field.h"
#include "runtime/error.h"
#include "runtime/philox.h"

namespace cutaway::explain {
namespace {

void check_pixels(const PixelSpace& pixels, const Tensor& picture) {
  const auto channels = static_cast<std::size_t>(picture.shape().c);
  if (pixels.black.size() == channels && pixels.white.size() == channels) return;
  throw Error(ErrorKind::kShape, "black and white of the network's input")
      .expected(std::to_string(channels) + " values, one a channel")
      .got(std::to_string(pixels.black.size()) + " and " + std::to_string(pixels.white.size()));
}

float range_of(const PixelSpace& pixels, std::size_t channel) {
  return pixels.white[channel] - pixels.black[channel];
}

/// Square number `sample`: side first, then a place at which it lies inside.
Region square_of(const Shape& s, const InfidelityOptions& o, std::int64_t sample) {
  const Philox random{o.seed, 1};
  const auto draw = [&](std::uint64_t k, std::int64_t below) {
    const auto at = 3 * static_cast<std::uint64_t>(sample) + k;
    return static_cast<std::int64_t>(random.word(at)) % below;
  };
  const std::int64_t most = std::min({o.largest_square, s.h, s.w});
  const std::int64_t side = 1 + draw(0, most);
  const std::int64_t top = draw(1, s.h - side + 1), left = draw(2, s.w - side + 1);
  return {{top, top + side - 1}, {left, left + side - 1}};
}

/// Perturbed pictures x - I, and I^T Phi.
class Perturbations {
 public:
  Perturbations(const Tensor& picture,
                std::span<const float> attribution,
                const PixelSpace& pixels,
                const InfidelityOptions& options)
      : picture_(picture), attribution_(attribution), pixels_(pixels), options_(options) {}

  /// Writes x - I of a sample; returns I^T Phi.
  double make(std::int64_t sample, std::span<float> values) const {
    return options_.noise == InfidelityNoise::kSquareRemoval ? remove_square(sample, values)
                                                             : add_noise(sample, values);
  }

 private:
  [[nodiscard]] double weight(std::size_t at) const {
    return static_cast<double>(attribution_[at % attribution_.size()]);
  }
  double remove_square(std::int64_t sample, std::span<float> values) const {
    const Shape& s = picture_.shape();
    const Region square = square_of(s, options_, sample);
    std::ranges::copy(picture_.f32(), values.begin());
    double sum = 0.0;
    const auto plane = static_cast<std::size_t>(s.plane());
    for (std::int64_t i = square.rows.first; i <= square.rows.last; ++i) {
      for (std::int64_t j = square.columns.first; j <= square.columns.last; ++j) {
        const auto pixel = static_cast<std::size_t>(i * s.w + j);
        for (std::size_t at = pixel; at < values.size(); at += plane) values[at] = 0.0f;
        for (std::size_t at = pixel; at < attribution_.size(); at += plane) sum += weight(at);
      }
    }
    return sum;
  }
  double add_noise(std::int64_t sample, std::span<float> values) const {
    const Philox random{options_.seed, 2 + static_cast<std::uint64_t>(sample)};
    const auto plane = static_cast<std::size_t>(picture_.shape().plane());
    double sum = 0.0;
    for (std::size_t at = 0; at < values.size(); ++at) {
      const auto draw = static_cast<float>(options_.sigma) * normal(random, at);
      const float x = picture_.f32()[at];
      const std::size_t c = at / plane;
      values[at] = options_.noise == InfidelityNoise::kGaussian
                       ? x - draw * range_of(pixels_, c)
                       : pixels_.black[c] + std::clamp(draw, 0.0f, 1.0f) * range_of(pixels_, c);
      sum += (static_cast<double>(x) - static_cast<double>(values[at])) * weight(at);
    }
    return sum;
  }

  const Tensor& picture_;
  std::span<const float> attribution_;
  const PixelSpace& pixels_;
  const InfidelityOptions& options_;
};

double mean_square_error(const std::vector<double>& predicted,
                         const std::vector<double>& found,
                         bool rescale) {
  double factor = 1.0;
  if (rescale) {
    double cross = 0.0, square = 0.0;
    for (std::size_t k = 0; k < found.size(); ++k) {
      cross += predicted[k] * found[k];
      square += predicted[k] * predicted[k];
    }
    factor = square > 0.0 ? cross / square : 0.0;
  }
  double sum = 0.0;
  for (std::size_t k = 0; k < found.size(); ++k) {
    const double error = factor * predicted[k] - found[k];
    sum += error * error;
  }
  return sum / static_cast<double>(found.size());
}

double norm(std::span<const float> values) {
  double square = 0.0;
  for (const float v : values) square += static_cast<double>(v) * static_cast<double>(v);
  return std::sqrt(square);
}

}  // namespace

double infidelity(Evaluator& evaluator,
                  const Tensor& picture,
                  std::int64_t target,
                  std::span<const float> attribution,
                  const PixelSpace& pixels,
                  const InfidelityOptions& options,
                  Observer& observer) {
  const Shape& s = picture.shape();
  check_pixels(pixels, picture);
  const auto size = static_cast<std::int64_t>(attribution.size());
  if (!(s == evaluator.input_shape()) || (size != s.c * s.plane() && size != s.plane())) {
    throw Error(ErrorKind::kShape, "attribution of a picture")
        .expected("a picture of " + to_string(evaluator.input_shape()) +
                  " and a value a pixel or a value an input number")
        .got(to_string(s) + " and " + std::to_string(size) + " values");
  }
  if (options.samples < 1 || !(options.sigma > 0.0) || options.largest_square < 1) {
    throw Error(ErrorKind::kUsage, "infidelity")
        .expected("at least one sample, a sigma above 0 and squares of at least one pixel");
  }
  const Perturbations perturbations(picture, attribution, pixels, options);
  std::vector<double> predicted(static_cast<std::size_t>(options.samples)), found;
  double intact = 0.0;
  evaluator.run(
      options.samples + 1,
      [&](std::int64_t sample, std::span<float> values) {
        if (sample == 0) {
          std::ranges::copy(picture.f32(), values.begin());
        } else {
          predicted[static_cast<std::size_t>(sample - 1)] = perturbations.make(sample - 1, values);
        }
      },
      [&](const Evaluator::Batch& batch) {
        throw_if_cancelled(observer);
        for (std::int64_t i = 0; i < batch.count; ++i) {
          const auto score = static_cast<double>(batch.scores(i)[static_cast<std::size_t>(target)]);
          if (batch.first + i == 0) {
            intact = score;
          } else {
            found.push_back(intact - score);
          }
        }
        observer.progress("infidelity", static_cast<double>(batch.first + batch.count),
                          static_cast<double>(options.samples + 1));
      });
  return mean_square_error(predicted, found, options.rescale);
}

double max_sensitivity(const Explainer& explainer,
                       const Tensor& picture,
                       std::int64_t target,
                       const PixelSpace& pixels,
                       const MaxSensitivityOptions& options,
                       Observer& observer) {
  check_pixels(pixels, picture);
  if (options.samples < 1 || options.batch < 1 || !(options.radius >= 0.0)) {
    throw Error(ErrorKind::kUsage, "max-sensitivity")
        .expected("at least one sample and picture a batch, and a radius of 0 or more");
  }
  Shape s = picture.shape();
  const auto size = static_cast<std::size_t>(s.c * s.plane());
  const auto plane = static_cast<std::size_t>(s.plane());
  // The picture itself is sample 0; it and its neighbours are explained in batches of one size, so
  // that nothing but the pictures differs.
  const std::int64_t total = options.samples + 1;
  s.n = std::min(options.batch, total);
  const std::vector<std::int64_t> targets(static_cast<std::size_t>(s.n), target);
  std::vector<float> reference;
  double most = 0.0, scale = 1.0;
  for (std::int64_t first = 0; first < total; first += s.n) {
    throw_if_cancelled(observer);
    Tensor batch(kCpuDevice, DType::kF32, s);
    for (std::int64_t i = 0; i < s.n; ++i) {
      const auto sample = static_cast<std::uint64_t>(first + i);
      const Philox random{options.seed, sample};
      const auto values = batch.f32().subspan(static_cast<std::size_t>(i) * size, size);
      for (std::size_t at = 0; at < size; ++at) {
        const float draw = sample == 0 ? 0.0f : 2.0f * random.uniform(at) - 1.0f;
        values[at] = picture.f32()[at] +
                     draw * static_cast<float>(options.radius) * range_of(pixels, at / plane);
      }
    }
    const Tensor maps = explainer(batch, targets);
    const std::size_t map_size = maps.f32().size() / static_cast<std::size_t>(s.n);
    if (first == 0) {
      const auto own = maps.f32().first(map_size);
      reference.assign(own.begin(), own.end());
      scale = norm(reference);
      if (!(scale > 0.0)) scale = 1.0;
    }
    for (std::int64_t i = 0; i < std::min(s.n, total - first); ++i) {
      double square = 0.0;
      const auto map = maps.f32().subspan(static_cast<std::size_t>(i) * map_size, map_size);
      for (std::size_t k = 0; k < map_size; ++k) {
        const double d = static_cast<double>(map[k]) - static_cast<double>(reference[k]);
        square += d * d;
      }
      const double change = std::sqrt(square) / scale;
      if (!(change <= most)) most = change;
    }
    observer.progress("max-sensitivity", static_cast<double>(std::min(first + s.n, total)),
                      static_cast<double>(total));
  }
  return most;
}

}  // namespace cutaway::explain
