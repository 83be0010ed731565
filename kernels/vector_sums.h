#pragma once

#include <cstddef>
#include <span>

#include "runtime/cpu_features.h"

/// Sums over plain arrays on the CPU, outside any graph: what methods add up over samples, pixels
/// and files. On one thread, at default_cpu_level(), with the same bits at every level: products
/// and sums are rounded apart.
namespace cutaway::kernels {

/// sum[i] += a x[i].
void add_scaled(std::span<const float> x, float a, float* sum);
void add_scaled(std::span<const float> x, double a, double* sum);
void add_scaled(std::span<const double> x, double a, double* sum);

/// sum[i] += a x[i] and squares[i] += a x[i]^2.
void add_moments(std::span<const float> x, double a, double* sum, double* squares);

/// sum += x[i] - origin and squares += (x[i] - origin)^2 over all i: 32 partial sums, then those in
/// their order.
void add_deviations(std::span<const float> x, double origin, double& sum, double& squares);

CUTAWAY_PER_LEVEL(void, add_scaled, std::span<const float> x, float a, float* sum);
CUTAWAY_PER_LEVEL(void, add_scaled, std::span<const float> x, double a, double* sum);
CUTAWAY_PER_LEVEL(void, add_scaled, std::span<const double> x, double a, double* sum);
CUTAWAY_PER_LEVEL(
    void, add_moments, std::span<const float> x, double a, double* sum, double* squares);
CUTAWAY_PER_LEVEL(
    void, add_deviations, std::span<const float> x, double origin, double& sum, double& squares);

}  // namespace cutaway::kernels
