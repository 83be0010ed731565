#include "layers/relu.h"

#include "kernels/elementwise.h"

namespace cutaway {

Shape Relu::infer(std::span<const Shape> in) const {
  expect_inputs(in, 1);
  return in[0];
}

void Relu::forward(const Call& c) const {
  kernels::run(c.stream, kernels::Relu{c.in[0].in(), c.out.out()});
}

void Relu::vjp(const BackCall& c) const {
  if (!c.dx[0]) return;
  kernels::run(c.stream, kernels::ReluBackward{c.out.in(), c.dy.in(), c.dx[0].out(),
                                               kernels::ReluRule::kGradient});
}

}  // namespace cutaway
