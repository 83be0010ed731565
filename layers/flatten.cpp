#include "layers/flatten.h"

#include "kernels/elementwise.h"

namespace cutaway {
namespace {

/// A flat vector seen as the plain maps it was flattened from: rows may be padded at their end.
template <class T>
View<T> as_maps(View<T> flat, const Shape& maps) {
  View<T> v = dense_view(flat.data, maps, kPlain);
  v.stride_n = flat.stride_n;
  return v;
}

}  // namespace

Shape Flatten::infer(std::span<const Shape> in) const {
  expect_inputs(in, 1);
  return {in[0].n, in[0].c * in[0].h * in[0].w, 1, 1};
}

void Flatten::forward(const Call& c) const {
  const View<float> y = c.out.out();
  // Clears the lanes that round the vector up to whole blocks; they stand behind the maps.
  if (y.shape.c % y.block != 0) kernels::run(c.stream, kernels::Fill{y, 0.0f});
  kernels::run(c.stream, kernels::Reorder{c.in[0].in(), as_maps(y, c.in[0].shape())});
}

void Flatten::vjp(const BackCall& c) const {
  if (!c.dx[0]) return;
  kernels::run(c.stream, kernels::Reorder{as_maps(c.dy.in(), c.dx[0].shape()), c.dx[0].out()});
}

}  // namespace cutaway
