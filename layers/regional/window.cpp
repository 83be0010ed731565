#include "layers/regional/window.h"

#include "runtime/error.h"

namespace cutaway {

WindowLayer::WindowLayer(std::int64_t height,
                         std::int64_t width,
                         const Shape& plane,
                         float outside,
                         std::shared_ptr<const WindowState> state)
    : height_(height), width_(width), plane_(plane), outside_(outside), state_(std::move(state)) {}

Shape WindowLayer::infer(std::span<const Shape> in) const {
  expect_inputs(in, 1);
  return {in[0].n, in[0].c, height_, width_};
}

void WindowLayer::forward(const Call& c) const {
  kernels::CutWindow k{};
  k.x = c.in[0].in();
  if (state_->base) k.base = state_->base.in();
  k.y = c.out.out();
  k.origin = reinterpret_cast<const kernels::WindowOrigin*>(state_->origins.data());
  check(state_->origins.bytes() >= static_cast<std::size_t>(k.y.shape.n) * sizeof *k.origin,
        "windows were not placed");
  k.plane_h = static_cast<std::int32_t>(plane_.h);
  k.plane_w = static_cast<std::int32_t>(plane_.w);
  k.outside = outside_;
  kernels::run(c.stream, k);
}

void WindowLayer::vjp(const BackCall& c) const {
  if (!c.dx[0]) return;
  kernels::run(c.stream, kernels::CutWindowBackward{c.dy.in(), c.dx[0].out(),
                                                    reinterpret_cast<const kernels::WindowOrigin*>(
                                                        state_->origins.data())});
}

}  // namespace cutaway
