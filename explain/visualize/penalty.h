#pragma once

#include "runtime/tensor.h"

/// Penalties on pictures (Mahendran & Vedaldi 2015). Each returns its value, summed over the batch,
/// and adds `weight` times its gradient to `dx` (of x's shape) when dx is given.
namespace cutaway::explain {

/// Total variation: sum over pixels and channels of ((x_{i,j+1} - x_ij)^2 + (x_{i+1,j} -
/// x_ij)^2)^(beta/2); differences beyond the last row and column are 0. For beta < 2 the gradient
/// has 1e-8 added under the root.
double total_variation(const Tensor& x, double beta, float weight = 0.0f, Tensor* dx = nullptr);
/// Anisotropic: sum of |x_{i,j+1} - x_ij| + |x_{i+1,j} - x_ij|.
double anisotropic_variation(const Tensor& x, float weight = 0.0f, Tensor* dx = nullptr);
/// sum |x|^power.
double power_penalty(const Tensor& x, double power, float weight = 0.0f, Tensor* dx = nullptr);

}  // namespace cutaway::explain
