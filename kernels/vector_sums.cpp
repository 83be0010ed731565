#include "kernels/vector_sums.h"

namespace cutaway::kernels {

void add_scaled(std::span<const float> x, float a, float* sum) {
  at_level(default_cpu_level(), [&](auto level) { add_scaled(level, x, a, sum); });
}

void add_scaled(std::span<const float> x, double a, double* sum) {
  at_level(default_cpu_level(), [&](auto level) { add_scaled(level, x, a, sum); });
}

void add_scaled(std::span<const double> x, double a, double* sum) {
  at_level(default_cpu_level(), [&](auto level) { add_scaled(level, x, a, sum); });
}

void add_moments(std::span<const float> x, double a, double* sum, double* squares) {
  at_level(default_cpu_level(), [&](auto level) { add_moments(level, x, a, sum, squares); });
}

void add_deviations(std::span<const float> x, double origin, double& sum, double& squares) {
  at_level(default_cpu_level(),
           [&](auto level) { add_deviations(level, x, origin, sum, squares); });
}

}  // namespace cutaway::kernels
