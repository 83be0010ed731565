#include "layers/dropout.h"

#include "kernels/elementwise.h"
#include "runtime/error.h"

namespace cutaway {

Dropout::Dropout(float rate) : rate_(rate) {
  if (!(rate >= 0.0f && rate < 1.0f)) {
    throw Error(ErrorKind::kInput, "dropout rate")
        .expected("0 <= rate < 1")
        .got(std::to_string(rate));
  }
}

Shape Dropout::infer(std::span<const Shape> in) const {
  expect_inputs(in, 1);
  return in[0];
}

void Dropout::forward(const Call& c) const {
  kernels::run(c.stream,
               kernels::Dropout{c.in[0].in(), c.out.out(), rate_, c.random.seed, c.random.stream});
}

void Dropout::vjp(const BackCall& c) const {
  if (!c.dx[0]) return;
  // The mask is a function of the counters alone, so nothing had to be remembered.
  const float rate = c.training ? rate_ : 0.0f;
  kernels::run(c.stream,
               kernels::Dropout{c.dy.in(), c.dx[0].out(), rate, c.random.seed, c.random.stream});
}

}  // namespace cutaway
