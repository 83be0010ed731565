#include "layers/layer_norm.h"

#include "kernels/group_norm.h"
#include "kernels/norm.h"
#include "runtime/error.h"

namespace cutaway {
namespace {

/// Room for the normalised input and the partial sums of the parameters' gradients.
struct ParameterGradients final : Prepared {
  ValueSpec normal;
  std::size_t partial_at{0}, bytes{0};

  explicit ParameterGradients(const ValueSpec& dy) : normal(dy) {
    // A slice of channels-last maps gets maps of its own.
    if (dy.layout.block > 16) normal.layout = channels_last(dy.shape.c);
    normal.stored_channels = 0;
    const auto count = static_cast<std::size_t>(stored_count(normal.shape, normal.layout));
    partial_at = (count * sizeof(float) + 63) / 64 * 64;
    bytes = partial_at + kernels::channel_sums_scratch_bytes(geometry_of(normal));
  }
  std::size_t scratch_bytes() const override { return bytes; }
};

}  // namespace

LayerNorm::LayerNorm(double eps, bool affine) : eps_(eps), affine_(affine) {
  if (!(eps > 0.0 && eps < 1.0)) {
    throw Error(ErrorKind::kInput, "layer normalisation")
        .expected("0 < eps < 1")
        .got(std::to_string(eps));
  }
}

LayerNorm::LayerNorm(const Attributes& a)
    : LayerNorm(a.number("eps", 1e-5), a.flag("affine", true)) {}

Attributes LayerNorm::attributes() const { return {{"eps", eps_}, {"affine", affine_}}; }

Shape LayerNorm::infer(std::span<const Shape> in) const {
  expect_inputs(in, 1);
  return in[0];
}

std::vector<ParameterSpec> LayerNorm::parameters(std::span<const Shape> in) const {
  if (!affine_) return {};
  const Shape vector{1, in[0].c, 1, 1};
  return {{"gamma", vector, Initializer::kOne, true, false},
          {"beta", vector, Initializer::kZero, true, false}};
}

void LayerNorm::forward(const Call& c) const {
  kernels::run(c.stream, kernels::LayerNorm{.x = c.in[0].in(),
                                            .y = c.out.out(),
                                            .gamma = affine_ ? c.params[0].in().data : nullptr,
                                            .beta = affine_ ? c.params[1].in().data : nullptr,
                                            .eps = static_cast<float>(eps_)});
}

std::unique_ptr<Prepared> LayerNorm::prepare_vjp(const PrepareContext& c) const {
  return c.wants_dparams ? std::make_unique<ParameterGradients>(c.dy) : nullptr;
}

void LayerNorm::vjp(const BackCall& c) const {
  const bool wants_parameters = !c.dparams.empty() && c.dparams[0];
  kernels::LayerNormBackward k{.x = c.in[0].in(),
                               .dy = c.dy.in(),
                               .dx = c.dx[0] ? c.dx[0].out() : View<float>{},
                               .xhat = {},
                               .gamma = affine_ ? c.params[0].in().data : nullptr,
                               .eps = static_cast<float>(eps_)};
  if (!wants_parameters) {
    if (c.dx[0]) kernels::run(c.stream, k);
    return;
  }
  // The sums read dy, which dx may overwrite: they come first, and for them xhat alone.
  const auto& p = *static_cast<const ParameterGradients*>(c.prepared);
  const View<float> dx = k.dx;
  k.dx = {};
  k.xhat = dense_view(reinterpret_cast<float*>(c.scratch), p.normal.shape, p.normal.layout);
  kernels::run(c.stream, k);
  kernels::run(c.stream, kernels::ChannelSums{
                             .dy = c.dy.in(),
                             .x = k.xhat,
                             .center = nullptr,
                             .sum = c.dparams[1].out().data,
                             .sum_product = c.dparams[0].out().data,
                             .scratch = reinterpret_cast<double*>(c.scratch + p.partial_at)});
  if (!c.dx[0]) return;
  k.dx = dx;
  k.xhat = {};
  kernels::run(c.stream, k);
}

}  // namespace cutaway
