#include "layers/softmax.h"

#include "kernels/softmax.h"

namespace cutaway {

Shape Softmax::infer(std::span<const Shape> in) const {
  expect_inputs(in, 1);
  return in[0];
}

Attributes Softmax::attributes() const {
  Attributes a;
  if (log_) a.set("log", true);
  return a;
}

void Softmax::forward(const Call& c) const {
  kernels::run(c.stream, kernels::Softmax{c.in[0].in(), c.out.out(), log_});
}

void Softmax::vjp(const BackCall& c) const {
  if (!c.dx[0]) return;
  kernels::run(c.stream, kernels::SoftmaxBackward{c.out.in(), c.dy.in(), c.dx[0].out(), log_});
}

}  // namespace cutaway
