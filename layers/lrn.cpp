#include "layers/lrn.h"

#include "runtime/error.h"

namespace cutaway {

Lrn::Lrn(const kernels::LrnParameters& p) : p_(p) {
  if (p.size < 1 || p.size > 255 || p.size % 2 == 0) {
    throw Error(ErrorKind::kInput, "LRN size")
        .expected("odd, 1 to 255")
        .got(std::to_string(p.size));
  }
}

Lrn::Lrn(const Attributes& a)
    : Lrn(kernels::LrnParameters{static_cast<std::int32_t>(a.integer("size", 5, 1, 255)),
                                 static_cast<float>(a.number("alpha", 1e-4)),
                                 static_cast<float>(a.number("beta", 0.75)),
                                 static_cast<float>(a.number("k", 1.0))}) {}

Attributes Lrn::attributes() const {
  return {{"size", std::int64_t{p_.size}},
          {"alpha", double{p_.alpha}},
          {"beta", double{p_.beta}},
          {"k", double{p_.k}}};
}

Shape Lrn::infer(std::span<const Shape> in) const {
  expect_inputs(in, 1);
  return in[0];
}

void Lrn::forward(const Call& c) const {
  kernels::run(c.stream, kernels::Lrn{c.in[0].in(), c.out.out(), p_});
}

void Lrn::vjp(const BackCall& c) const {
  if (!c.dx[0]) return;
  kernels::run(c.stream, kernels::LrnBackward{c.in[0].in(), c.dy.in(), c.dx[0].out(), p_});
}

}  // namespace cutaway
