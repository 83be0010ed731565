#include "layers/input.h"

namespace cutaway {

Input::Input(const Attributes& a)
    : shape_{1, a.integer("channels", 1, 1 << 20), a.integer("height", 1, 1 << 16),
             a.integer("width", 1, 1 << 16)} {}

Attributes Input::attributes() const {
  return {{"channels", shape_.c}, {"height", shape_.h}, {"width", shape_.w}};
}

Shape Input::infer(std::span<const Shape> in) const {
  expect_inputs(in, 0);
  return shape_;
}

}  // namespace cutaway
