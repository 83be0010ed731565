#include "explain/render/normalize.h"

#include <algorithm>
#include <cmath>

#include "runtime/error.h"

namespace cutaway::explain {
namespace {

void check_rule(const Normalization& rule) {
  if (!(rule.quantile > 0.0 && rule.quantile <= 1.0)) {
    throw Error(ErrorKind::kUsage, "a quantile outside (0, 1]").got(std::to_string(rule.quantile));
  }
  if (rule.kind != NormKind::kFixed) return;
  const Limits& f = rule.fixed;
  if (!(std::isfinite(f.low) && std::isfinite(f.high) && f.low < f.high)) {
    throw Error(ErrorKind::kUsage, "fixed limits of a colour scale")
        .expected("two finite numbers, the first smaller")
        .got(std::to_string(f.low) + " and " + std::to_string(f.high));
  }
}

Limits symmetric_limits(std::span<const float> values, double q) {
  std::vector<float> magnitude(values.size());
  std::transform(values.begin(), values.end(), magnitude.begin(),
                 [](float v) { return std::fabs(v); });
  float s = *std::max_element(magnitude.begin(), magnitude.end());
  if (q < 1.0) {
    const auto clipped = static_cast<float>(quantile(magnitude, q));
    if (clipped > 0.0F) s = clipped;
  }
  if (s > 0.0F) s += 5e-11F;  // the formula divides by 2 s + 1e-10: this is where its ends are
  return {-s, s};
}

Limits std_limits(std::span<const float> values) {
  const auto n = static_cast<double>(values.size());
  double mean = 0;
  for (const float v : values) mean += static_cast<double>(v);
  mean /= n;
  double variance = 0;
  for (const float v : values) {
    const double d = static_cast<double>(v) - mean;
    variance += d * d;
  }
  // 0.1 a standard deviation: five of them from the mean to either end.
  const double half = 5.0 * (std::sqrt(variance / n) + 1e-5);
  return {static_cast<float>(mean - half), static_cast<float>(mean + half)};
}

// Limits of finite values; the rule has been checked.
Limits find_limits(std::span<const float> values, const Normalization& rule) {
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  switch (rule.kind) {
    case NormKind::kMinMax:
      return {*least, *most};
    case NormKind::kPositive:
      return {0.0F, std::max(*most, 0.0F)};
    case NormKind::kSymmetric:
      return symmetric_limits(values, rule.quantile);
    case NormKind::kStdSquash:
      return std_limits(values);
    case NormKind::kPercentile: {
      const auto p = static_cast<float>(quantile(values, rule.quantile));
      return {*least, p > *least ? p : *most};
    }
    case NormKind::kFixed:
      return rule.fixed;
  }
  throw Error(ErrorKind::kInternal, "unknown normalisation");
}

float clip01(double v) { return static_cast<float>(std::clamp(v, 0.0, 1.0)); }

// Why the map cannot be scaled, or "".
std::string emptiness(std::span<const float> values, NormKind kind, const Limits& limits) {
  const bool constant = std::all_of(values.begin(), values.end(),
                                    [first = values.front()](float v) { return v == first; });
  switch (kind) {
    case NormKind::kPositive:
      return limits.high > 0.0F ? "" : "the map is nowhere positive";
    case NormKind::kSymmetric:
      return limits.high > 0.0F ? "" : "the map is zero everywhere";
    case NormKind::kFixed:
      return "";
    default:
      return constant ? "the map is constant" : "";
  }
}

void scale_into(std::vector<float>& out,
                std::span<const float> values,
                NormKind kind,
                const Limits& limits) {
  const auto low = static_cast<double>(limits.low);
  const auto high = static_cast<double>(limits.high);
  if (kind == NormKind::kSymmetric) {
    if (!(high > 0.0)) {
      std::ranges::fill(out, 0.5F);
      return;
    }
    const double span = 2.0 * high;
    for (std::size_t i = 0; i < values.size(); ++i) {
      out[i] = clip01(0.5 + static_cast<double>(values[i]) / span);
    }
    return;
  }
  const double span = high - low;
  for (std::size_t i = 0; i < values.size(); ++i) {
    out[i] = clip01((static_cast<double>(values[i]) - low) / span);
  }
}

}  // namespace

double quantile(std::span<const float> values, double q) {
  if (values.empty()) throw Error(ErrorKind::kShape, "a quantile of no values");
  if (!(q >= 0.0 && q <= 1.0)) {
    throw Error(ErrorKind::kUsage, "a quantile outside [0, 1]").got(std::to_string(q));
  }
  std::vector<float> work(values.begin(), values.end());
  const double position = static_cast<double>(work.size() - 1) * q;
  const auto below = static_cast<std::size_t>(position);
  const auto nth = work.begin() + static_cast<std::ptrdiff_t>(below);
  std::nth_element(work.begin(), nth, work.end());
  const auto lower = static_cast<double>(*nth);
  const double fraction = position - static_cast<double>(below);
  if (!(fraction > 0.0)) return lower;
  const auto upper = static_cast<double>(*std::min_element(nth + 1, work.end()));
  return lower + fraction * (upper - lower);
}

Normalized normalize(const Map& map, const Normalization& rule) {
  validate(map, "normalize");
  check_rule(rule);
  Normalized out;
  out.values.assign(map.values.size(), 0.0F);
  const auto bad = std::count_if(map.values.begin(), map.values.end(),
                                 [](float v) { return !std::isfinite(v); });
  if (bad > 0) {
    out.limits = rule.kind == NormKind::kFixed ? rule.fixed : Limits{};
    out.degenerate = true;
    out.why = std::to_string(bad) + " of " + std::to_string(map.values.size()) +
              " values of the map are not finite";
    return out;
  }
  out.limits = find_limits(map.values, rule);
  out.why = emptiness(map.values, rule.kind, out.limits);
  out.degenerate = !out.why.empty();
  if (!out.degenerate || rule.kind == NormKind::kSymmetric) {
    scale_into(out.values, map.values, rule.kind, out.limits);
  }
  return out;
}

Limits shared_limits(std::span<const Map> maps, const Normalization& rule) {
  if (maps.empty()) throw Error(ErrorKind::kShape, "shared limits of no maps");
  check_rule(rule);
  std::vector<float> all;
  for (const Map& map : maps) {
    validate(map, "shared_limits");
    std::copy_if(map.values.begin(), map.values.end(), std::back_inserter(all),
                 [](float v) { return std::isfinite(v); });
  }
  if (all.empty()) return rule.kind == NormKind::kFixed ? rule.fixed : Limits{};
  return find_limits(all, rule);
}

}  // namespace cutaway::explain
