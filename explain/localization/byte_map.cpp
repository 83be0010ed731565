#include "explain/localization/byte_map.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "runtime/error.h"

namespace cutaway::explain {
namespace {

template <class V, class Inside>
std::vector<std::uint8_t> mask_of(const V& values, Inside inside) {
  std::vector<std::uint8_t> mask(values.size());
  std::transform(values.begin(), values.end(), mask.begin(),
                 [&](auto v) { return static_cast<std::uint8_t>(inside(v) ? 1 : 0); });
  return mask;
}

}  // namespace

ByteMap make_byte_map(int width, int height, std::uint8_t fill) {
  ByteMap map{width, height, {}};
  if (width > 0 && height > 0) {
    map.values.assign(static_cast<std::size_t>(width) * static_cast<std::size_t>(height), fill);
  }
  validate(map, "plane of bytes");
  return map;
}

void validate(const ByteMap& map, const char* what) {
  const bool good = map.width >= 1 && map.height >= 1 &&
                    map.values.size() ==
                        static_cast<std::size_t>(map.width) * static_cast<std::size_t>(map.height);
  if (!good) {
    throw Error(ErrorKind::kShape, what)
        .expected("width * height values, and at least one")
        .got(std::to_string(map.width) + "x" + std::to_string(map.height) + " and " +
             std::to_string(map.values.size()) + " values");
  }
}

ByteMap gray_levels(const Map& map) {
  validate(map, "heat map");
  ByteMap gray = make_byte_map(map.width, map.height);
  float most = 0.0F;
  for (const float v : map.values) {
    if (std::isnan(v)) return gray;
    most = std::max(most, v);
  }
  if (!(most > 0.0F) || std::isinf(most)) return gray;
  const double scale = 255.0 / static_cast<double>(most);
  std::transform(map.values.begin(), map.values.end(), gray.values.begin(), [&](float v) {
    return static_cast<std::uint8_t>(
        std::min(255.0, std::floor(static_cast<double>(std::max(v, 0.0F)) * scale + 0.5)));
  });
  return gray;
}

ByteMap mask_above(const ByteMap& map, int threshold) {
  validate(map, "plane of bytes");
  return {map.width, map.height,
          mask_of(map.values, [&](std::uint8_t v) { return v > threshold; })};
}

ByteMap mask_above(const Map& map, float threshold) {
  validate(map, "heat map");
  return {map.width, map.height, mask_of(map.values, [&](float v) { return v > threshold; })};
}

}  // namespace cutaway::explain
