#include "layers/add.h"

#include "kernels/elementwise.h"
#include "runtime/error.h"

namespace cutaway {

Shape Add::infer(std::span<const Shape> in) const {
  if (in.size() < 2) {
    throw Error(ErrorKind::kShape, "number of inputs")
        .expected("at least 2")
        .got(std::to_string(in.size()));
  }
  for (const Shape& s : in) {
    if (!(s == in[0])) {
      throw Error(ErrorKind::kShape, "inputs of a sum differ")
          .expected(to_string(in[0]))
          .got(to_string(s));
    }
  }
  return in[0];
}

void Add::forward(const Call& c) const {
  kernels::run(c.stream, kernels::Add{c.in[0].in(), c.in[1].in(), c.out.out()});
  for (std::size_t i = 2; i < c.in.size(); ++i) {
    kernels::run(c.stream, kernels::Add{c.out.in(), c.in[i].in(), c.out.out()});
  }
}

void Add::vjp(const BackCall& c) const {
  for (const TensorRef& dx : c.dx) {
    if (dx) kernels::run(c.stream, kernels::Reorder{c.dy.in(), dx.out()});
  }
}

}  // namespace cutaway
