#include "explain/doubt.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace cutaway::explain {

Doubt doubt_of_values(const std::string& what, std::span<const float> values) {
  const auto wrong = std::ranges::count_if(values, [](float v) { return !std::isfinite(v); });
  if (wrong == 0) return {};
  return {DoubtKind::kNotFinite, std::to_string(wrong) + " of " + std::to_string(values.size()) +
                                     " " + what + " are not finite numbers"};
}

Doubt doubt_of_map(std::span<const float> map) {
  if (Doubt doubt = doubt_of_values("values of the map", map)) return doubt;
  if (map.empty() || !std::ranges::all_of(map, [&](float v) { return v == map.front(); }))
    return {};
  if (map.front() == 0.0f) {
    return {DoubtKind::kFlat,
            "the map is 0 everywhere: no signal reaches it, or none of it is of the sign shown"};
  }
  char value[32];
  std::snprintf(value, sizeof value, "%.4g", static_cast<double>(map.front()));
  return {DoubtKind::kFlat, std::string("the map is ") + value +
                                " everywhere: what the net answers does not depend on the place"};
}

}  // namespace cutaway::explain
