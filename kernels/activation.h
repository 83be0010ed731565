#pragma once

#include <cstdint>

#include "kernels/elementwise.h"
#include "kernels/run.h"
#include "runtime/layout.h"

/// Activation functions beside ReLU and its nearest relatives (kernels/elementwise.h): y = f(x),
/// element by element. Many have f(0) != 0, so padding lanes of outputs are cleared. Views of one
/// kernel have the same shape and block size; outputs may alias inputs. Arithmetic is float32 and
/// the same on both devices, bit for bit.
namespace cutaway::kernels {

enum class Activation : std::uint8_t {
  kSigmoid,      ///< 1 / (1 + e^-x)
  kHardSigmoid,  ///< min(max(alpha x + beta, 0), 1)
  kTanh,         ///< tanh(x)
  kSoftsign,     ///< x / (1 + |x|)
  kSilu,  ///< x / (1 + e^(-alpha x)): SiLU, Swish (Elfwing et al. 2018; Ramachandran et al. 2018)
  kHardSwish,  ///< x min(max(x / 6 + 1/2, 0), 1) (Howard et al. 2019)
  kElu,   ///< beta x where x > 0, alpha beta (e^x - 1) elsewhere (Clevert et al. 2016); also SELU
  kGelu,  ///< x (1 + erf(x / sqrt(2))) / 2 (Hendrycks & Gimpel 2016)
  kGeluTanh,  ///< x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2: their approximation
  kMish,      ///< x tanh(log(1 + e^x)) (Misra 2020)
  kSoftplus,  ///< log(1 + e^(alpha x)) / alpha
  kErf        ///< the error function: what GELU is written out with
};

/// A function with its numbers; those a function does not name are ignored.
struct ActivationFunction {
  Activation kind{Activation::kSigmoid};
  float alpha{1.0f}, beta{1.0f};
};

/// y = f(x).
struct Activate {
  View<const float> x;
  View<float> y;
  ActivationFunction f;
};
CUTAWAY_KERNEL(Activate);

/// dx = f'(x) dy; with ReluRule::kGuided, of what is positive in dy. At kinks the derivative is 0.
/// (kDeconvnet is a plain ReLU of dy: run Relu.)
struct ActivateBackward {
  View<const float> x, dy;
  View<float> dx;
  ActivationFunction f;
  ReluRule rule{ReluRule::kGradient};
};
CUTAWAY_KERNEL(ActivateBackward);

/// y = x where x > 0, slope_c x elsewhere (He et al. 2015, PReLU). `slope`: C floats.
struct PRelu {
  View<const float> x;
  View<float> y;
  const float* slope;
};
CUTAWAY_KERNEL(PRelu);

/// dx = dy where x > 0, slope_c dy elsewhere; with ReluRule::kGuided, of what is positive in dy.
struct PReluBackward {
  View<const float> x, dy;
  View<float> dx;
  const float* slope;
  ReluRule rule{ReluRule::kGradient};
};
CUTAWAY_KERNEL(PReluBackward);

}  // namespace cutaway::kernels
