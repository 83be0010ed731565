#include "explain/visualize/ascent.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "explain/visualize/climb.h"
#include "explain/visualize/image_ops.h"
#include "explain/visualize/penalty.h"
#include "runtime/error.h"
#include "runtime/philox.h"

namespace cutaway::explain {
namespace {

bool go_on(const Watch& watch, std::int64_t step, double value, const Tensor& picture) {
  return !watch || watch(step, value, picture);
}

void add_noise(Tensor& x, double deviation, const Philox& random) {
  for (std::size_t i = 0; i < x.f32().size(); ++i)
    x.f32()[i] += static_cast<float>(deviation) * normal(random, i);
}

void clip(Tensor& x, const PixelSpace& pixels) {
  const Shape& s = x.shape();
  const auto plane = static_cast<std::size_t>(s.plane());
  for (std::size_t i = 0; i < x.f32().size(); ++i) {
    const std::size_t c = i / plane % static_cast<std::size_t>(s.c);
    x.f32()[i] = std::clamp(x.f32()[i], pixels.low(c), pixels.high(c));
  }
}

/// Zeroes the pixels of every image whose `measure` (n x 1 x h x w, plain numbers) lies below its
/// percentile.
void drop_below(Tensor& x, const std::vector<float>& measure, double p) {
  const Shape& s = x.shape();
  const auto plane = static_cast<std::size_t>(s.plane()), channels = static_cast<std::size_t>(s.c);
  for (std::size_t n = 0; n < static_cast<std::size_t>(s.n); ++n) {
    const auto first = measure.begin() + static_cast<std::ptrdiff_t>(n * plane);
    const double limit =
        percentile(std::vector<float>(first, first + static_cast<std::ptrdiff_t>(plane)), p);
    for (std::size_t i = 0; i < plane; ++i) {
      if (double{measure[n * plane + i]} >= limit) continue;
      for (std::size_t c = 0; c < channels; ++c) x.f32()[(n * channels + c) * plane + i] = 0.0f;
    }
  }
}

/// A number a pixel from the channels' products of a and b: |sum|, or the root of the sum of
/// squares if b is a.
std::vector<float> over_channels(const Tensor& a, const Tensor& b, bool root) {
  const Shape& s = a.shape();
  const auto plane = static_cast<std::size_t>(s.plane()), channels = static_cast<std::size_t>(s.c);
  std::vector<float> result(static_cast<std::size_t>(s.n) * plane);
  for (std::size_t n = 0; n < static_cast<std::size_t>(s.n); ++n) {
    for (std::size_t i = 0; i < plane; ++i) {
      double sum = 0.0;
      for (std::size_t c = 0; c < channels; ++c) {
        const std::size_t at = (n * channels + c) * plane + i;
        sum += double{a.f32()[at]} * double{b.f32()[at]};
      }
      result[n * plane + i] = static_cast<float>(root ? std::sqrt(sum) : std::abs(sum));
    }
  }
  return result;
}

void regularize(Tensor& x, const Tensor& g, std::int64_t step, const YosinskiOptions& o) {
  if (o.decay > 0.0) {
    for (float& v : x.f32()) v *= static_cast<float>(1.0 - o.decay);
  }
  if (o.blur_sigma > 0.0 && o.blur_every > 0 && step % o.blur_every == 0) x = blur(x, o.blur_sigma);
  if (o.pixel_percentile > 0.0) drop_below(x, over_channels(x, x, true), o.pixel_percentile);
  if (o.contribution_percentile > 0.0)
    drop_below(x, over_channels(x, g, false), o.contribution_percentile);
}

double step_size(const Tensor& g, double unit, const YosinskiOptions& o) {
  const double size = mean_magnitude(g);
  const double most = !o.normalize ? o.rate * unit * unit : size > 0.0 ? o.rate * unit / size : 0.0;
  if (!(o.gain > 0.0)) return most;
  double square = 0.0;
  for (const float v : g.f32()) square += double{v} * double{v};
  return square > 0.0 ? std::min(most, o.gain / square) : 0.0;
}

}  // namespace

double mean_magnitude(const Tensor& x) {
  double sum = 0.0;
  for (const float v : x.f32()) sum += std::abs(double{v});
  return sum / static_cast<double>(x.f32().size());
}

double percentile(std::vector<float> values, double p) {
  check(!values.empty(), "percentile of nothing");
  const double at = static_cast<double>(values.size() - 1) * p / 100.0;
  const auto low = static_cast<std::size_t>(at);
  const auto first = values.begin() + static_cast<std::ptrdiff_t>(low);
  std::nth_element(values.begin(), first, values.end());
  const double below = double{*first};
  if (low + 1 >= values.size()) return below;
  const double above = double{*std::min_element(first + 1, values.end())};
  return below + (at - static_cast<double>(low)) * (above - below);
}

Ascended ascend_simonyan(LayerScore& score,
                         const Objective& objective,
                         const PixelSpace& pixels,
                         const SimonyanOptions& o,
                         const Watch& watch) {
  Ascended result;
  Climber climber(score, objective, o.steps);
  Tensor x = zeros(score.input()), g;
  for (std::int64_t step = 0; step < o.steps; ++step) {
    if (step == 0) {
      (void)score.ascend(x, objective, g);
      if (mean_magnitude(g) == 0.0) {
        add_noise(x, 1e-3 * pixels.unit(), {o.seed, 1});
        result.notes.emplace_back(
            "the mean picture has no gradient: noise of 0.001 grey levels was added");
      }
    }
    const double value = climber.step(x, g);
    result.values.push_back(value);
    if (!go_on(watch, step, value, x)) break;
    const double size = mean_magnitude(g);
    const double eta = !o.normalize ? o.rate : size > 0.0 ? o.rate * pixels.unit() / size : 0.0;
    const double shrink = o.normalize ? o.decay : 2.0 * eta * o.lambda;
    for (std::size_t i = 0; i < x.f32().size(); ++i) {
      const double v = double{x.f32()[i]};
      x.f32()[i] = static_cast<float>(v + eta * double{g.f32()[i]} - shrink * v);
    }
  }
  result.values.push_back(climber.finish(x, result));
  (void)go_on(watch, static_cast<std::int64_t>(result.values.size()) - 1, result.values.back(), x);
  result.picture = std::move(x);
  return result;
}

Ascended ascend_yosinski(LayerScore& score,
                         const Objective& objective,
                         const PixelSpace& pixels,
                         const YosinskiOptions& o,
                         const Watch& watch) {
  Ascended result;
  Climber climber(score, objective, o.steps);
  const double unit = pixels.unit();
  Tensor x = zeros(score.input()), g, best;
  add_noise(x, o.start_deviation * unit, {o.seed, 1});
  double most = 0.0;
  for (std::int64_t step = 0; step < o.steps; ++step) {
    clip(x, pixels);
    const double value = climber.step(x, g);
    result.values.push_back(value);
    if (o.keep_best && (step == 0 || value > most)) {
      most = value;
      best = x.clone();
    }
    if (!go_on(watch, step, value, x)) break;
    const double eta = step_size(g, unit, o);
    for (std::size_t i = 0; i < x.f32().size(); ++i)
      x.f32()[i] += static_cast<float>(eta * double{g.f32()[i]});
    if (step + 1 < o.steps) regularize(x, g, step + 1, o);
  }
  clip(x, pixels);
  result.values.push_back(climber.finish(x, result));
  (void)go_on(watch, static_cast<std::int64_t>(result.values.size()) - 1, result.values.back(), x);
  result.picture =
      o.keep_best && !best.empty() && most > result.values.back() ? std::move(best) : std::move(x);
  return result;
}

Ascended ascend_penalized(LayerScore& score,
                          const Objective& objective,
                          const PixelSpace& pixels,
                          const PenaltyOptions& o,
                          const Watch& watch) {
  Ascended result;
  Climber climber(score, objective, o.steps);
  const double unit = pixels.unit(), size = 80.0 * unit;
  Tensor x = zeros(score.input()), g;
  const Shape& s = x.shape();
  const double count = static_cast<double>(s.count());
  add_noise(x, o.start_deviation * unit, {o.seed, 1});
  Tensor velocity = zeros(s);
  const Philox random{o.seed, 2};
  const auto power_share = static_cast<float>(-o.power_weight / (count * std::pow(size, o.power)));
  const auto variation_share =
      static_cast<float>(-o.variation_weight / (count * std::pow(size / 6.5, o.variation_beta)));
  for (std::int64_t step = 0; step < o.steps; ++step) {
    if (o.jitter > 0) {
      const auto draw = [&](std::uint64_t i) {
        const auto range = static_cast<float>(2 * o.jitter + 1);
        return static_cast<std::int64_t>(random.uniform(2 * static_cast<std::uint64_t>(step) + i) *
                                         range) -
               o.jitter;
      };
      const std::int64_t down = draw(0), right = draw(1);
      x = roll(x, down, right);
      velocity = roll(velocity, down, right);
    }
    const double value = climber.step(x, g);
    result.values.push_back(value);
    if (!go_on(watch, step, value, x)) break;
    for (float& v : g.f32()) v *= static_cast<float>(o.objective_weight);
    (void)power_penalty(x, o.power, power_share, &g);
    (void)total_variation(x, o.variation_beta, variation_share, &g);
    const double mean = mean_magnitude(g);
    const double progress = static_cast<double>(step) / static_cast<double>(o.steps);
    const double fade = 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
    const double eta = mean > 0.0 ? o.rate * unit * fade / mean : 0.0;
    for (std::size_t i = 0; i < x.f32().size(); ++i) {
      const double v =
          o.momentum * double{velocity.f32()[i]} + (1.0 - o.momentum) * eta * double{g.f32()[i]};
      velocity.f32()[i] = static_cast<float>(v);
      x.f32()[i] += static_cast<float>(v);
    }
  }
  result.values.push_back(climber.finish(x, result));
  (void)go_on(watch, static_cast<std::int64_t>(result.values.size()) - 1, result.values.back(), x);
  result.picture = std::move(x);
  return result;
}

}  // namespace cutaway::explain
