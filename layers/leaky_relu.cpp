#include "layers/leaky_relu.h"

#include "kernels/elementwise.h"
#include "runtime/error.h"

namespace cutaway {

LeakyRelu::LeakyRelu(double slope) : slope_(slope) {
  // A slope that float32 rounds to 0 would lose the sign that the gradient reads.
  if (!(static_cast<float>(slope) > 1e-30F && slope <= 1.0)) {
    throw Error(ErrorKind::kInput, "slope of a leaky ReLU")
        .expected("above 0, at most 1")
        .got(std::to_string(slope));
  }
}

Shape LeakyRelu::infer(std::span<const Shape> in) const {
  expect_inputs(in, 1);
  return in[0];
}

void LeakyRelu::forward(const Call& c) const {
  kernels::run(c.stream, kernels::LeakyRelu{c.in[0].in(), c.out.out(), slope()});
}

void LeakyRelu::vjp(const BackCall& c) const {
  if (!c.dx[0]) return;
  kernels::run(c.stream, kernels::LeakyReluBackward{c.out.in(), c.dy.in(), c.dx[0].out(), slope(),
                                                    kernels::ReluRule::kGradient});
}

}  // namespace cutaway
