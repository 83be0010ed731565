#include "runtime/philox.h"

#include <cmath>

namespace cutaway {

float normal(const Philox& random, std::uint64_t index) {
  const Philox::Block b = random.block(index);
  // (0, 1], so that the logarithm is finite.
  const double u = (static_cast<double>(b.v[0]) + 1.0) * 0x1p-32;
  const double v = static_cast<double>(b.v[1]) * 0x1p-32;
  return static_cast<float>(std::sqrt(-2.0 * std::log(u)) *
                            std::cos(2.0 * 3.14159265358979323846 * v));
}

}  // namespace cutaway
