#include "explain/statistics/interval.h"

#include <algorithm>
#include <cstdio>

namespace cutaway::explain {

std::string interval_text(const Interval& interval) {
  if (std::isnan(interval.value)) return "-";
  char text[96];
  if (interval.known()) {
    std::snprintf(text, sizeof text, "%.4g [%.4g, %.4g]", interval.value, interval.low,
                  interval.high);
  } else {
    std::snprintf(text, sizeof text, "%.4g", interval.value);
  }
  return text;
}

Interval wilson_interval(double share, double trials, double z) {
  const double square = z * z / trials;
  const double middle = (share + square / 2.0) / (1.0 + square);
  const double half =
      z / (1.0 + square) * std::sqrt(share * (1.0 - share) / trials + square / (4.0 * trials));
  // At 0 and 1 one end is the share itself, which rounding would miss.
  return {share, std::clamp(middle - half, 0.0, share), std::clamp(middle + half, share, 1.0)};
}

}  // namespace cutaway::explain
