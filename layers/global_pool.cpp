#include "layers/global_pool.h"

#include "kernels/pool.h"

namespace cutaway {
namespace {

Shape plane_reduced(std::span<const Shape> in) {
  expect_inputs(in, 1);
  return {in[0].n, in[0].c, 1, 1};
}

Window whole_plane() {
  Window w;
  w.global = true;
  return w;
}

}  // namespace

Shape GlobalAveragePool::infer(std::span<const Shape> in) const { return plane_reduced(in); }
Window GlobalAveragePool::window() const { return whole_plane(); }

void GlobalAveragePool::forward(const Call& c) const {
  kernels::run(c.stream, kernels::GlobalAveragePool{c.in[0].in(), c.out.out()});
}

void GlobalAveragePool::vjp(const BackCall& c) const {
  if (!c.dx[0]) return;
  kernels::run(c.stream, kernels::GlobalAveragePoolBackward{c.dy.in(), c.dx[0].out()});
}

Shape GlobalMaxPool::infer(std::span<const Shape> in) const { return plane_reduced(in); }
Window GlobalMaxPool::window() const { return whole_plane(); }

std::optional<Layer::AuxSpec> GlobalMaxPool::aux(std::span<const Shape> in, bool) const {
  return AuxSpec{DType::kI32, plane_reduced(in), true};
}

void GlobalMaxPool::forward(const Call& c) const {
  kernels::run(c.stream,
               kernels::GlobalMaxPool{c.in[0].in(), c.out.out(), c.aux.view<std::int32_t>()});
}

void GlobalMaxPool::vjp(const BackCall& c) const {
  if (!c.dx[0]) return;
  kernels::run(c.stream, kernels::GlobalMaxPoolBackward{c.dy.in(), c.aux.view<const std::int32_t>(),
                                                        c.dx[0].out()});
}

}  // namespace cutaway
