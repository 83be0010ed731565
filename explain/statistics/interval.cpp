#include "explain/statistics/interval.h"

#include <algorithm>

namespace cutaway::explain {

Interval wilson_interval(double share, double trials, double z) {
  const double square = z * z / trials;
  const double middle = (share + square / 2.0) / (1.0 + square);
  const double half =
      z / (1.0 + square) * std::sqrt(share * (1.0 - share) / trials + square / (4.0 * trials));
  return {share, std::max(0.0, middle - half), std::min(1.0, middle + half)};
}

}  // namespace cutaway::explain
