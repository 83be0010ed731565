#include "kernels/peak.h"

namespace cutaway::kernels {

double multiply_adds(float start, float& sum) {
  return at_level(default_cpu_level(),
                  [&](auto level) { return multiply_adds(level, start, sum); });
}

}  // namespace cutaway::kernels
