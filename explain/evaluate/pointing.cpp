#include "explain/evaluate/pointing.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>

#include "runtime/error.h"

namespace cutaway::explain {
namespace {

void check_sizes(const Map& map, const ByteMap& region) {
  validate(map, "map");
  validate(region, "region of a class");
  if (map.width == region.width && map.height == region.height) return;
  throw Error(ErrorKind::kShape, "region of a class")
      .expected(std::to_string(map.height) + " x " + std::to_string(map.width))
      .got(std::to_string(region.height) + " x " + std::to_string(region.width));
}

}  // namespace

ByteMap mask_of(std::span<const Box> boxes, int height, int width) {
  ByteMap mask = make_byte_map(width, height);
  for (const Box& box : boxes) {
    for (std::int64_t y = std::max<std::int64_t>(box.y1, 0);
         y <= std::min<std::int64_t>(box.y2, height - 1); ++y) {
      for (std::int64_t x = std::max<std::int64_t>(box.x1, 0);
           x <= std::min<std::int64_t>(box.x2, width - 1); ++x) {
        mask.values[static_cast<std::size_t>(y * width + x)] = 1;
      }
    }
  }
  return mask;
}

bool points_at(const Map& map, const ByteMap& region, double tolerance) {
  check_sizes(map, region);
  std::size_t best = 0;
  for (std::size_t i = 0; i < map.values.size() && !std::isnan(map.values[best]); ++i) {
    if (map.values[i] > map.values[best] || std::isnan(map.values[i])) best = i;
  }
  if (std::ranges::all_of(map.values, [&](float v) { return v == map.values[0]; })) return false;
  const int row = static_cast<int>(best) / map.width, column = static_cast<int>(best) % map.width;
  const int reach = static_cast<int>(std::min(tolerance, 1e6)) + 1;
  for (int y = std::max(0, row - reach); y <= std::min(map.height - 1, row + reach); ++y) {
    for (int x = std::max(0, column - reach); x <= std::min(map.width - 1, column + reach); ++x) {
      const double dy = y - row, dx = x - column;
      if (region.at(y, x) != 0 && dy * dy + dx * dx < tolerance * tolerance) return true;
    }
  }
  return false;
}

double energy_inside(const Map& map, const ByteMap& region) {
  check_sizes(map, region);
  double inside = 0.0, all = 0.0;
  for (std::size_t i = 0; i < map.values.size(); ++i) {
    const double v = std::max(0.0, static_cast<double>(map.values[i]));
    all += v;
    if (region.values[i] != 0) inside += v;
  }
  return all > 0.0 ? inside / all : 0.0;
}

double mean_of_class_means(std::span<const double> values, std::span<const std::int64_t> classes) {
  if (values.size() != classes.size()) {
    throw Error(ErrorKind::kShape, "classes of results")
        .expected(std::to_string(values.size()))
        .got(std::to_string(classes.size()));
  }
  std::map<std::int64_t, std::pair<double, double>> sums;
  for (std::size_t i = 0; i < values.size(); ++i) {
    auto& [sum, count] = sums[classes[i]];
    sum += values[i];
    count += 1.0;
  }
  if (sums.empty()) return std::numeric_limits<double>::quiet_NaN();
  double total = 0.0;
  for (const auto& [id, sum] : sums) total += sum.first / sum.second;
  return total / static_cast<double>(sums.size());
}

}  // namespace cutaway::explain
