#include "explain/localization/gaussian_mixture.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "runtime/error.h"
#include "runtime/philox.h"

namespace cutaway::explain {
namespace {

using Vector = std::array<double, 3>;
using Component = GaussianMixture::Component;

Vector vector_of(Rgb c) {
  return {static_cast<double>(c.r), static_cast<double>(c.g), static_cast<double>(c.b)};
}

double squared_distance(const Vector& a, const Vector& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < 3; ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

/// Centres as far apart as chance has it (Arthur and Vassilvitskii 2007); fewer when there are
/// fewer colours.
std::vector<Vector> choose_centres(std::span<const Rgb> pixels, const MixtureOptions& o) {
  const Philox random{o.seed, o.stream};
  const auto first = static_cast<std::size_t>(static_cast<double>(random.uniform(0)) *
                                              static_cast<double>(pixels.size()));
  std::vector<Vector> centres{vector_of(pixels[first])};
  std::vector<double> nearest(pixels.size(), std::numeric_limits<double>::infinity());
  while (static_cast<int>(centres.size()) < o.components) {
    double total = 0.0;
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      nearest[i] = std::min(nearest[i], squared_distance(vector_of(pixels[i]), centres.back()));
      total += nearest[i];
    }
    if (!(total > 0.0)) break;
    double left = static_cast<double>(random.uniform(centres.size())) * total;
    std::size_t chosen = pixels.size();
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      if (nearest[i] == 0.0) continue;
      chosen = i;  // the last one where rounding leaves something over
      left -= nearest[i];
      if (left < 0.0) break;
    }
    centres.push_back(vector_of(pixels[chosen]));
  }
  return centres;
}

/// Weight, mean and second moments of a component while they are summed.
struct Moments {
  double weight{0};
  Vector sum{};
  std::array<double, 6> products{};

  void add(const Vector& x, double w) {
    weight += w;
    std::size_t k = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      sum[i] += w * x[i];
      for (std::size_t j = i; j < 3; ++j) products[k++] += w * x[i] * x[j];
    }
  }
};

Component component_of(const Moments& m, double total, double floor) {
  Component c{};
  c.weight = m.weight / total;
  std::array<double, 6> s{};
  std::size_t k = 0;
  for (std::size_t i = 0; i < 3; ++i) c.mean[i] = m.sum[i] / m.weight;
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = i; j < 3; ++j, ++k) {
      s[k] = m.products[k] / m.weight - c.mean[i] * c.mean[j];
      // Rounding may leave a variance a little below zero.
      if (i == j) s[k] = std::max(s[k], 0.0) + floor;
    }
  }
  const auto& [rr, rg, rb, gg, gb, bb] = s;
  const double a = gg * bb - gb * gb, b = rb * gb - rg * bb, d = rg * gb - rb * gg;
  const double det = std::max(rr * a + rg * b + rb * d, std::numeric_limits<double>::min());
  c.inverse = {a / det,
               b / det,
               d / det,
               (rr * bb - rb * rb) / det,
               (rg * rb - rr * gb) / det,
               (rr * gg - rg * rg) / det};
  c.log_norm = std::log(c.weight) - 1.5 * std::log(2.0 * std::numbers::pi) - 0.5 * std::log(det);
  return c;
}

double log_part(const Component& c, const Vector& x) {
  const double r = x[0] - c.mean[0], g = x[1] - c.mean[1], b = x[2] - c.mean[2];
  const auto& q = c.inverse;
  const double form = q[0] * r * r + q[3] * g * g + q[5] * b * b +
                      2.0 * (q[1] * r * g + q[2] * r * b + q[4] * g * b);
  return c.log_norm - 0.5 * form;
}

std::vector<Component> components_of(const std::vector<Moments>& moments, const MixtureOptions& o) {
  double total = 0.0;
  for (const Moments& m : moments) total += m.weight;
  std::vector<Moments> kept;
  double kept_total = 0.0;
  for (const Moments& m : moments) {
    if (!(m.weight >= o.least * total) || !(m.weight > 0.0)) continue;
    kept.push_back(m);
    kept_total += m.weight;
  }
  std::vector<Component> all;
  for (const Moments& m : kept) all.push_back(component_of(m, kept_total, o.floor));
  return all;
}

void check_options(std::span<const Rgb> pixels, const MixtureOptions& o) {
  if (pixels.empty()) throw Error(ErrorKind::kShape, "a mixture of no pixels");
  const bool good = o.components >= 1 && o.components <= 64 && o.rounds >= 0 && o.rounds <= 1000 &&
                    o.floor > 0.0 && std::isfinite(o.floor) && o.least >= 0.0 && o.least < 1.0 / 64;
  if (!good) {
    throw Error(ErrorKind::kUsage, "options of a Gaussian mixture")
        .expected("1 to 64 components, 0 to 1000 rounds, floor > 0, least below 1/64");
  }
}

}  // namespace

GaussianMixture::GaussianMixture(std::span<const Rgb> pixels, const MixtureOptions& o) {
  check_options(pixels, o);
  const std::vector<Vector> centres = choose_centres(pixels, o);
  std::vector<Moments> moments(centres.size());
  for (const Rgb pixel : pixels) {
    const Vector x = vector_of(pixel);
    const auto nearest = std::ranges::min_element(
        centres, {}, [&](const Vector& c) { return squared_distance(x, c); });
    moments[static_cast<std::size_t>(nearest - centres.begin())].add(x, 1.0);
  }
  components_ = components_of(moments, o);
  std::vector<double> share;
  for (int round = 0; round < o.rounds; ++round) {
    moments.assign(components_.size(), {});
    share.resize(components_.size());
    for (const Rgb pixel : pixels) {
      const Vector x = vector_of(pixel);
      double most = -std::numeric_limits<double>::infinity();
      for (std::size_t k = 0; k < share.size(); ++k) {
        share[k] = log_part(components_[k], x);
        most = std::max(most, share[k]);
      }
      double sum = 0.0;
      for (double& s : share) sum += s = std::exp(s - most);
      for (std::size_t k = 0; k < share.size(); ++k) moments[k].add(x, share[k] / sum);
    }
    components_ = components_of(moments, o);
  }
}

double GaussianMixture::log_density(Rgb colour) const {
  const Vector x = vector_of(colour);
  double most = -std::numeric_limits<double>::infinity(), sum = 0.0;
  for (const Component& c : components_) {
    const double part = log_part(c, x);
    if (part > most) {
      sum = sum * std::exp(most - part) + 1.0;
      most = part;
    } else {
      sum += std::exp(part - most);
    }
  }
  return most + std::log(sum);
}

}  // namespace cutaway::explain
