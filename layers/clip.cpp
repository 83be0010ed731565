#include "layers/clip.h"

#include "kernels/elementwise.h"
#include "runtime/error.h"

namespace cutaway {

Clip::Clip(double low, double high) : low_(low), high_(high) {
  constexpr double kMost = 3e38;  // float32
  if (!(low <= 0.0 && high >= 0.0 && low < high && low >= -kMost && high <= kMost)) {
    throw Error(ErrorKind::kInput, "bounds of a clip")
        .expected("low <= 0 <= high, low < high")
        .got(std::to_string(low) + " and " + std::to_string(high));
  }
}

Shape Clip::infer(std::span<const Shape> in) const {
  expect_inputs(in, 1);
  return in[0];
}

void Clip::forward(const Call& c) const {
  kernels::run(c.stream, kernels::Clip{c.in[0].in(), c.out.out(), low(), high()});
}

void Clip::vjp(const BackCall& c) const {
  if (!c.dx[0]) return;
  kernels::run(c.stream, kernels::ClipBackward{c.out.in(), c.dy.in(), c.dx[0].out(), low(), high(),
                                               kernels::ReluRule::kGradient});
}

}  // namespace cutaway
