#include "layers/average_pool.h"

#include "layers/max_pool.h"

namespace cutaway {

AveragePool::AveragePool(const kernels::PoolGeometry& g, bool ceil_mode, bool count_padding)
    : g_(g), ceil_mode_(ceil_mode), count_padding_(count_padding) {
  check_pool(g);
}

AveragePool::AveragePool(const Attributes& a)
    : AveragePool(pool_geometry(a), a.flag("ceil_mode", false), a.flag("count_padding", true)) {}

Attributes AveragePool::attributes() const {
  Attributes a = pool_attributes(g_, ceil_mode_);
  a.set("count_padding", count_padding_);
  return a;
}

Shape AveragePool::infer(std::span<const Shape> in) const {
  expect_inputs(in, 1);
  return pooled_shape(in[0], g_, ceil_mode_);
}

Window AveragePool::window() const { return pool_window(g_); }

void AveragePool::forward(const Call& c) const {
  kernels::run(c.stream, kernels::AveragePool{c.in[0].in(), c.out.out(), g_, count_padding_});
}

void AveragePool::vjp(const BackCall& c) const {
  if (!c.dx[0]) return;
  kernels::run(c.stream,
               kernels::AveragePoolBackward{c.dy.in(), c.dx[0].out(), g_, count_padding_});
}

}  // namespace cutaway
