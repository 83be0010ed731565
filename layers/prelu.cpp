#include "layers/prelu.h"

#include "kernels/activation.h"
#include "kernels/elementwise.h"
#include "kernels/norm.h"

namespace cutaway {
namespace {

/// Room for min(x, 0) and the partial sums of the slopes' gradient.
struct SlopeGradient final : Prepared {
  ValueSpec negative;
  std::size_t sum_at{0}, partial_at{0}, bytes{0};

  explicit SlopeGradient(const ValueSpec& dy) : negative{dy.shape, dense_layout(dy), 0} {
    const auto aligned = [](std::size_t n) { return (n + 63) / 64 * 64; };
    const auto floats = [](std::int64_t n) { return static_cast<std::size_t>(n) * sizeof(float); };
    sum_at = aligned(floats(stored_count(negative.shape, negative.layout)));
    partial_at = sum_at + aligned(floats(dy.shape.c));
    bytes = partial_at + kernels::channel_sums_scratch_bytes(geometry_of(negative));
  }
  /// A slice of channels-last maps is copied into maps of its own.
  static Layout dense_layout(const ValueSpec& v) {
    return v.layout.block <= 16 ? v.layout : channels_last(v.shape.c);
  }
  std::size_t scratch_bytes() const override { return bytes; }
};

}  // namespace

Shape PReluLayer::infer(std::span<const Shape> in) const {
  expect_inputs(in, 1);
  return in[0];
}

std::vector<ParameterSpec> PReluLayer::parameters(std::span<const Shape> in) const {
  return {{"slope", {1, in[0].c, 1, 1}, Initializer::kZero, true, false}};
}

void PReluLayer::forward(const Call& c) const {
  kernels::run(c.stream, kernels::PRelu{c.in[0].in(), c.out.out(), c.params[0].in().data});
}

std::unique_ptr<Prepared> PReluLayer::prepare_vjp(const PrepareContext& c) const {
  return c.wants_dparams ? std::make_unique<SlopeGradient>(c.dy) : nullptr;
}

void PReluLayer::vjp(const BackCall& c) const {
  if (!c.dparams.empty() && c.dparams[0]) {
    const auto& p = *static_cast<const SlopeGradient*>(c.prepared);
    const auto floats = [&](std::size_t at) { return reinterpret_cast<float*>(c.scratch + at); };
    const View<float> negative = dense_view(floats(0), p.negative.shape, p.negative.layout);
    // d slope_c = sum of dy min(x, 0).
    kernels::run(c.stream, kernels::Reorder{c.in[0].in(), negative});
    kernels::run(c.stream, kernels::ScaleBySign{negative, negative, 0.0F, 1.0F});
    kernels::run(c.stream, kernels::ChannelSums{
                               .dy = c.dy.in(),
                               .x = negative,
                               .center = nullptr,
                               .sum = floats(p.sum_at),
                               .sum_product = c.dparams[0].out().data,
                               .scratch = reinterpret_cast<double*>(c.scratch + p.partial_at)});
  }
  if (!c.dx[0]) return;
  kernels::run(c.stream, kernels::PReluBackward{c.in[0].in(), c.dy.in(), c.dx[0].out(),
                                                c.params[0].in().data});
}

}  // namespace cutaway
