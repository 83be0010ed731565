#include "explain/statistics/jackknife.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "explain/statistics/distributions.h"
#include "runtime/philox.h"

namespace cutaway::explain {
namespace {

/// Variance of the jackknife's estimate on the scale of `of`; NaN where a value has none.
double variance(std::span<const double> values, const LeftOut& left_out, double (*of)(double)) {
  const auto groups = static_cast<double>(left_out.groups());
  const auto pictures = static_cast<double>(left_out.pictures());
  const double whole = of(values[0]);
  double center = groups * whole;
  for (std::int64_t k = 0; k < left_out.groups(); ++k) {
    const double stay = 1.0 - static_cast<double>(left_out.size(k)) / pictures;
    center -= stay * of(values[static_cast<std::size_t>(k) + 1]);
  }
  double sum = 0.0;
  for (std::int64_t k = 0; k < left_out.groups(); ++k) {
    const double ratio = pictures / static_cast<double>(left_out.size(k));
    const double pseudo =
        ratio * whole - (ratio - 1.0) * of(values[static_cast<std::size_t>(k) + 1]);
    sum += (pseudo - center) * (pseudo - center) / (ratio - 1.0);
  }
  return sum / groups;
}

double itself(double v) { return v; }
double logarithm(double v) { return std::log(v); }

}  // namespace

LeftOut::LeftOut(std::int64_t pictures, std::int64_t groups, std::uint64_t seed)
    : of_(static_cast<std::size_t>(pictures)),
      sizes_(static_cast<std::size_t>(std::min(pictures, groups))) {
  if (sizes_.empty()) return;
  std::vector<std::size_t> order(of_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (sizes_.size() < of_.size()) {
    const Philox random{seed, 0};
    for (std::size_t i = order.size(); i > 1; --i) {
      std::swap(order[i - 1], order[(std::uint64_t{random.word(i)} * i) >> 32U]);
    }
  }
  for (std::size_t k = 0; k < order.size(); ++k) {
    of_[order[k]] = static_cast<std::int64_t>(k % sizes_.size());
    ++sizes_[k % sizes_.size()];
  }
}

std::vector<int> LeftOut::kept(std::int64_t k) const {
  std::vector<int> stay(of_.size(), 1);
  for (std::size_t i = 0; k > 0 && i < of_.size(); ++i) stay[i] = of_[i] == k - 1 ? 0 : 1;
  return stay;
}

Interval jackknife(std::span<const double> values, const LeftOut& left_out, Range range) {
  const Interval unknown{values[0]};
  if (left_out.groups() < 2) return unknown;
  const double t = student_quantile(0.025, left_out.groups() - 1);
  const bool positive = range == Range::kPositive && values[0] > 0.0;
  const double square = variance(values, left_out, positive ? logarithm : itself);
  if (!std::isfinite(square)) return unknown;
  const double error = t * std::sqrt(square);
  if (positive) return {values[0], values[0] * std::exp(-error), values[0] * std::exp(error)};
  if (range != Range::kShare) return {values[0], values[0] - error, values[0] + error};
  // Where all or none hit, or nothing varies but for rounding, every picture is a trial.
  const double p = std::clamp(values[0], 0.0, 1.0), spread = p * (1.0 - p);
  const double trials =
      spread > 1e-12 && square > 1e-18 ? spread / square : static_cast<double>(left_out.pictures());
  return wilson_interval(p, trials, t);
}

}  // namespace cutaway::explain
