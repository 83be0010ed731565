#include "layers/max_pool.h"

#include "runtime/error.h"

namespace cutaway {

kernels::PoolGeometry pool_geometry(const Attributes& a) {
  const auto get = [&](const char* name, std::int64_t otherwise, std::int64_t least) {
    return static_cast<std::int32_t>(a.integer(name, otherwise, least, 1024));
  };
  return {get("kernel_h", 1, 1), get("kernel_w", 1, 1), get("stride_h", 1, 1),
          get("stride_w", 1, 1), get("pad_h", 0, 0),    get("pad_w", 0, 0)};
}

void check_pool(const kernels::PoolGeometry& g) {
  const bool good = g.kernel_h >= 1 && g.kernel_w >= 1 && g.kernel_h <= 1024 &&
                    g.kernel_w <= 1024 && g.stride_h >= 1 && g.stride_w >= 1 &&
                    g.stride_h <= 1024 && g.stride_w <= 1024 && g.pad_h >= 0 && g.pad_w >= 0 &&
                    g.pad_h < g.kernel_h && g.pad_w < g.kernel_w;
  if (!good) {
    throw Error(ErrorKind::kInput, "impossible pooling window")
        .expected("kernel and stride from 1 to 1024, padding smaller than the kernel");
  }
}

Attributes pool_attributes(const kernels::PoolGeometry& g, bool ceil_mode) {
  const auto i = [](std::int32_t v) { return std::int64_t{v}; };
  return {{"kernel_h", i(g.kernel_h)}, {"kernel_w", i(g.kernel_w)}, {"stride_h", i(g.stride_h)},
          {"stride_w", i(g.stride_w)}, {"pad_h", i(g.pad_h)},       {"pad_w", i(g.pad_w)},
          {"ceil_mode", ceil_mode}};
}

Shape pooled_shape(const Shape& x, const kernels::PoolGeometry& g, bool ceil_mode) {
  const Shape y{x.n, x.c, kernels::pooled_extent(x.h, g.kernel_h, g.stride_h, g.pad_h, ceil_mode),
                kernels::pooled_extent(x.w, g.kernel_w, g.stride_w, g.pad_w, ceil_mode)};
  if (y.h < 1 || y.w < 1) {
    throw Error(ErrorKind::kShape, "the input is smaller than the pooling window")
        .got(to_string(x));
  }
  return y;
}

Window pool_window(const kernels::PoolGeometry& g) {
  return {g.kernel_h, g.kernel_w, g.stride_h, g.stride_w, g.pad_h, g.pad_w, 1, 1, false};
}

MaxPool::MaxPool(const kernels::PoolGeometry& g, bool ceil_mode) : g_(g), ceil_mode_(ceil_mode) {
  check_pool(g);
  if (g.kernel_h * g.kernel_w > 256) {
    throw Error(ErrorKind::kInput, "max pooling window")
        .expected("at most 256 positions (a switch is one byte)")
        .got(std::to_string(g.kernel_h) + "x" + std::to_string(g.kernel_w));
  }
}

MaxPool::MaxPool(const Attributes& a) : MaxPool(pool_geometry(a), a.flag("ceil_mode", false)) {}

Attributes MaxPool::attributes() const { return pool_attributes(g_, ceil_mode_); }

Shape MaxPool::infer(std::span<const Shape> in) const {
  expect_inputs(in, 1);
  return pooled_shape(in[0], g_, ceil_mode_);
}

std::optional<Layer::AuxSpec> MaxPool::aux(std::span<const Shape> in, bool) const {
  return AuxSpec{DType::kU8, infer(in), true, true};
}

Window MaxPool::window() const { return pool_window(g_); }

void MaxPool::forward(const Call& c) const {
  kernels::MaxPool k{c.in[0].in(), c.out.out(), {}, g_};
  if (c.aux) k.pick = c.aux.view<std::uint8_t>();
  kernels::run(c.stream, k);
}

void MaxPool::vjp(const BackCall& c) const {
  if (!c.dx[0]) return;
  kernels::run(c.stream,
               kernels::MaxUnpool{c.dy.in(), c.aux.view<const std::uint8_t>(), c.dx[0].out(), g_});
}

}  // namespace cutaway
