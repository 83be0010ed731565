#include "layers/batch_norm.h"

#include "kernels/elementwise.h"
#include "kernels/norm.h"
#include "layers/linear_map.h"
#include "runtime/error.h"

namespace cutaway {
namespace {

enum Vector : std::int64_t { kMean, kVariance, kScale, kShift, kSum, kSumProduct, kVectors };

float* vector_of(const TensorRef& aux, Vector which, std::int64_t channels) {
  return aux.view<float>().data + which * channels;
}

/// Room for the partial sums of the reductions over a channel.
struct Reductions final : Prepared {
  std::size_t bytes;
  explicit Reductions(const ValueSpec& x)
      : bytes(kernels::channel_moments_scratch_bytes(geometry_of(x))) {}
  std::size_t scratch_bytes() const override { return bytes; }
};

View<float> as_vector(float* data, std::int64_t channels) {
  return dense_view(data, Shape{1, channels, 1, 1}, kPlain);
}

/// One weight a channel.
class DiagonalMap final : public LinearMap {
 public:
  void apply(Stream& stream,
             const Weights& w,
             const float* bias,
             View<const float> x,
             View<float> y,
             std::byte*) const override {
    kernels::run(stream, kernels::ChannelAffine{x, y, w.plain, bias});
  }
  void adjoint(Stream& stream,
               const Weights& w,
               View<const float> y,
               View<float> x,
               std::byte*) const override {
    kernels::run(stream, kernels::ChannelAffine{y, x, w.plain, nullptr});
  }
};

}  // namespace

BatchNorm::BatchNorm(double eps, double momentum) : eps_(eps), momentum_(momentum) {
  if (!(eps > 0.0 && eps < 1.0 && momentum >= 0.0 && momentum <= 1.0)) {
    throw Error(ErrorKind::kInput, "batch normalisation")
        .expected("0 < eps < 1 and 0 <= momentum <= 1");
  }
}

Attributes BatchNorm::attributes() const { return {{"eps", eps_}, {"momentum", momentum_}}; }

Shape BatchNorm::infer(std::span<const Shape> in) const {
  expect_inputs(in, 1);
  return in[0];
}

std::vector<ParameterSpec> BatchNorm::parameters(std::span<const Shape> in) const {
  const Shape vector{1, in[0].c, 1, 1};
  return {{"gamma", vector, Initializer::kOne, true, false},
          {"beta", vector, Initializer::kZero, true, false},
          {"mean", vector, Initializer::kZero, false, false},
          {"variance", vector, Initializer::kOne, false, false}};
}

std::optional<Layer::AuxSpec> BatchNorm::aux(std::span<const Shape> in, bool) const {
  return AuxSpec{DType::kF32, {1, kVectors * in[0].c, 1, 1}, false};
}

std::unique_ptr<Prepared> BatchNorm::prepare(const PrepareContext& c) const {
  return c.frozen ? nullptr : std::make_unique<Reductions>(c.in[0]);
}

std::unique_ptr<Prepared> BatchNorm::prepare_vjp(const PrepareContext& c) const {
  return c.frozen && !c.wants_dparams ? nullptr : std::make_unique<Reductions>(c.dy);
}

void BatchNorm::forward(const Call& c) const {
  const std::int64_t channels = c.in[0].shape().c;
  const View<const float> x = c.in[0].in();
  const float* mean = c.params[2].in().data;
  const float* variance = c.params[3].in().data;
  if (c.training) {
    float* batch_mean = vector_of(c.aux, kMean, channels);
    float* batch_variance = vector_of(c.aux, kVariance, channels);
    kernels::run(c.stream, kernels::ChannelMoments{x, batch_mean, batch_variance,
                                                   reinterpret_cast<double*>(c.scratch)});
    const double count = static_cast<double>(x.shape.n * x.shape.plane());
    const double unbiased = count > 1.0 ? count / (count - 1.0) : 1.0;
    const auto move = [&](const TensorRef& running, float* batch, double weight) {
      const View<float> r = as_vector(running.out().data, channels);
      kernels::run(c.stream,
                   kernels::Add{r, as_vector(batch, channels), r,
                                static_cast<float>(1.0 - momentum_), static_cast<float>(weight)});
    };
    move(c.params[2], batch_mean, momentum_);
    move(c.params[3], batch_variance, momentum_ * unbiased);
    mean = batch_mean;
    variance = batch_variance;
  }
  float* scale = vector_of(c.aux, kScale, channels);
  float* shift = vector_of(c.aux, kShift, channels);
  kernels::run(c.stream,
               kernels::BatchNormFold{c.params[0].in().data, c.params[1].in().data, mean, variance,
                                      scale, shift, static_cast<float>(eps_), channels});
  kernels::run(c.stream, kernels::ChannelAffine{x, c.out.out(), scale, shift});
}

std::unique_ptr<LinearMap> BatchNorm::linear_map(const LinearGeometry&) const {
  return std::make_unique<DiagonalMap>();
}

void BatchNorm::vjp(const BackCall& c) const {
  const std::int64_t channels = c.in[0].shape().c;
  const float eps = static_cast<float>(eps_);
  const bool wants_parameters = !c.dparams.empty() && c.dparams[0];
  float* sum = vector_of(c.aux, kSum, channels);
  float* sum_product = vector_of(c.aux, kSumProduct, channels);
  float* mean = c.training ? vector_of(c.aux, kMean, channels) : c.params[2].out().data;
  float* variance = c.training ? vector_of(c.aux, kVariance, channels) : c.params[3].out().data;
  if (c.training || wants_parameters) {
    kernels::run(c.stream, kernels::ChannelSums{c.dy.in(), c.in[0].in(), mean, sum, sum_product,
                                                reinterpret_cast<double*>(c.scratch)});
  }
  if (wants_parameters) {
    // dbeta = sum dy; dgamma = sum dy (x - mean) / sqrt(var + eps): the fold of gamma = that sum.
    kernels::run(c.stream, kernels::Reorder{as_vector(sum, channels),
                                            as_vector(c.dparams[1].out().data, channels)});
    float* unused_shift = vector_of(c.aux, kShift, channels);
    kernels::run(c.stream,
                 kernels::BatchNormFold{sum_product, sum, mean, variance, c.dparams[0].out().data,
                                        unused_shift, eps, channels});
  }
  if (!c.dx[0]) return;
  if (c.training) {
    kernels::run(c.stream, kernels::BatchNormBackward{c.in[0].in(), c.dy.in(), c.dx[0].out(),
                                                      c.params[0].in().data, mean, variance, sum,
                                                      sum_product, eps});
  } else {
    kernels::run(c.stream, kernels::ChannelAffine{c.dy.in(), c.dx[0].out(),
                                                  vector_of(c.aux, kScale, channels), nullptr});
  }
}

}  // namespace cutaway
