#include "kernels/pattern_graph.h"

namespace cutaway::kernels {

void halves_to_floats(const std::uint16_t* from, float* to, std::int64_t n) {
  at_level(default_cpu_level(), [&](auto level) { halves_to_floats(level, from, to, n); });
}

void floats_to_halves(const float* from, std::uint16_t* to, std::int64_t n) {
  at_level(default_cpu_level(), [&](auto level) { floats_to_halves(level, from, to, n); });
}

}  // namespace cutaway::kernels
