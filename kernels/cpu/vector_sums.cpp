#include "kernels/vector_sums.h"

#include "kernels/cpu/level.h"

namespace cutaway::kernels {
namespace {

template <class X, class T>
void add_scaled_of(std::span<const X> x, T a, T* sum) {
  const std::size_t count = x.size();
  const X* from = x.data();
#pragma omp simd
  for (std::size_t i = 0; i < count; ++i) sum[i] += a * T{from[i]};
}

}  // namespace

void add_scaled(ThisLevel, std::span<const float> x, float a, float* sum) {
  add_scaled_of(x, a, sum);
}
void add_scaled(ThisLevel, std::span<const float> x, double a, double* sum) {
  add_scaled_of(x, a, sum);
}
void add_scaled(ThisLevel, std::span<const double> x, double a, double* sum) {
  add_scaled_of(x, a, sum);
}

void add_moments(ThisLevel, std::span<const float> x, double a, double* sum, double* squares) {
  const std::size_t count = x.size();
  const float* from = x.data();
#pragma omp simd
  for (std::size_t i = 0; i < count; ++i) {
    const double value = double{from[i]};
    sum[i] += a * value;
    squares[i] += a * value * value;
  }
}

void add_deviations(
    ThisLevel, std::span<const float> x, double origin, double& sum, double& squared) {
  // Many sums at a time: additions in double wait for each other otherwise.
  constexpr std::size_t kLanes = 32;
  double sums[kLanes] = {};
  double squares[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= x.size(); i += kLanes) {
    for (std::size_t l = 0; l < kLanes; ++l) {
      const double d = double{x[i + l]} - origin;
      sums[l] += d;
      squares[l] += d * d;
    }
  }
  for (; i < x.size(); ++i) {
    const double d = double{x[i]} - origin;
    sums[0] += d;
    squares[0] += d * d;
  }
  for (std::size_t l = 0; l < kLanes; ++l) {
    sum += sums[l];
    squared += squares[l];
  }
}

}  // namespace cutaway::kernels
