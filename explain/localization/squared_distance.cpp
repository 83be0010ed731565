#include "explain/localization/squared_distance.h"

#include <limits>

namespace cutaway::explain {
namespace {

constexpr std::int64_t kFar = -1;

/// Distance to the nearest background pixel of the same column, squared; kFar where the column has
/// none.
void along_columns(const ByteMap& mask, std::vector<std::int64_t>& d) {
  const auto width = static_cast<std::size_t>(mask.width);
  const auto pass = [&](std::size_t x, int from, int to, int step) {
    std::int64_t run = kFar;
    for (int y = from; y != to; y += step) {
      const std::size_t at = static_cast<std::size_t>(y) * width + x;
      if (mask.values[at] == 0) {
        run = 0;
      } else if (run != kFar) {
        ++run;
      }
      if (run != kFar && (d[at] == kFar || run < d[at])) d[at] = run;
    }
  };
  for (std::size_t x = 0; x < width; ++x) {
    pass(x, 0, mask.height, 1);
    pass(x, mask.height - 1, -1, -1);
  }
  for (std::int64_t& v : d) v = v == kFar ? kFar : v * v;
}

std::int64_t floor_div(std::int64_t a, std::int64_t b) {  // b > 0
  return a >= 0 ? a / b : -((-a + b - 1) / b);
}

struct Parabola {
  std::int64_t place, height, from;  ///< least at `place`, lowest of all from `from` on
};

/// min over q of (x - q)^2 + row[q], for every x; entries kFar take no part.
void along_row(std::int64_t* row, std::int64_t width, std::vector<Parabola>& hull) {
  hull.clear();
  for (std::int64_t q = 0; q < width; ++q) {
    if (row[q] == kFar) continue;
    std::int64_t from = 0;
    while (!hull.empty()) {
      const Parabola& p = hull.back();
      // The first x at which q is lower than p: (x - q)^2 + f(q) < (x - p)^2 + f(p).
      from = floor_div(q * q - p.place * p.place + row[q] - p.height, 2 * (q - p.place)) + 1;
      if (from > p.from) break;
      hull.pop_back();
      from = 0;
    }
    if (from < width) hull.push_back({q, row[q], from});
  }
  if (hull.empty()) return;
  std::size_t k = 0;
  for (std::int64_t x = 0; x < width; ++x) {
    while (k + 1 < hull.size() && hull[k + 1].from <= x) ++k;
    row[x] = (x - hull[k].place) * (x - hull[k].place) + hull[k].height;
  }
}

}  // namespace

std::vector<std::int64_t> squared_distances(const ByteMap& mask) {
  validate(mask, "mask");
  std::vector<std::int64_t> d(mask.values.size(), kFar);
  along_columns(mask, d);
  std::vector<Parabola> hull;
  for (int y = 0; y < mask.height; ++y) {
    along_row(d.data() + static_cast<std::ptrdiff_t>(y) * mask.width, mask.width, hull);
  }
  return d;
}

}  // namespace cutaway::explain
