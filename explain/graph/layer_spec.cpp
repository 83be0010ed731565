#include "explain/graph/layer_spec.h"

#include <cmath>

#include "runtime/error.h"

namespace cutaway::explain::graph {

namespace {

std::int64_t twentieths(std::int64_t size) { return size >= 24 ? 1 : size >= 12 ? 2 : 4; }

}  // namespace

double usual_density(std::int64_t size) { return static_cast<double>(twentieths(size)) / 20; }

std::int64_t usual_nodes(std::int64_t size) {
  return (twentieths(size) * size * size + 19) / 20;  // in integers: 0.05 * 400 is not quite 20
}

void validate(const LayerSpec& s) {
  if (s.size < 4 || s.size > 200) {
    throw Error(ErrorKind::kUnsupported, "a layer of the explanatory graph")
        .at(s.name)
        .expected("square maps of 4 to 200 cells a side")
        .got(std::to_string(s.size));
  }
  const bool counts = s.filters >= 1 && s.filters <= 65536 && s.nodes >= 1 &&
                      s.nodes <= s.size * s.size && s.count() <= (std::int64_t{1} << 24);
  if (!counts || !(s.density > 0 && s.density <= 1) || !(s.stride > 0) ||
      !std::isfinite(s.stride) || !std::isfinite(s.offset)) {
    throw Error(ErrorKind::kUsage, "numbers of a layer of the explanatory graph").at(s.name);
  }
}

}  // namespace cutaway::explain::graph
