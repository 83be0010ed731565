#include "layers/dense.h"

#include "kernels/elementwise.h"
#include "kernels/gemm.h"
#include "kernels/norm.h"
#include "layers/linear_map.h"
#include "runtime/error.h"

namespace cutaway {
namespace {

struct PreparedDense final : Prepared {
  kernels::GemmEngine engine{};
  std::size_t sums_bytes{0};
  std::size_t scratch_bytes() const override { return sums_bytes; }
};

std::unique_ptr<Prepared> prepare_dense(const PrepareContext& c) {
  auto prepared = std::make_unique<PreparedDense>();
  prepared->engine = kernels::gemm_engine(*c.engines);
  if (c.wants_dparams)
    prepared->sums_bytes = kernels::channel_sums_scratch_bytes(geometry_of(c.dy));
  return prepared;
}

kernels::GemmEngine engine_of(const Prepared* prepared) {
  return static_cast<const PreparedDense*>(prepared)->engine;
}

/// Lanes that round rows up to whole blocks are zero, always.
void clear_padding(Stream& stream, const View<float>& v) {
  if (v.shape.c % v.block != 0) kernels::run(stream, kernels::Fill{v, 0.0f});
}

/// y = x W' + b and x = y W, W being outputs x inputs.
class DenseMap final : public LinearMap {
 public:
  explicit DenseMap(kernels::GemmEngine engine) : engine_(engine) {}

  void apply(Stream& stream,
             const Weights& w,
             const float* bias,
             View<const float> x,
             View<float> y,
             std::byte*) const override {
    kernels::Gemm gemm = gemm_of(x, y, w);
    gemm.transpose_b = true;
    gemm.ldb = x.shape.c;
    gemm.bias = bias;
    clear_padding(stream, y);
    kernels::run(stream, gemm);
  }

  void adjoint(Stream& stream,
               const Weights& w,
               View<const float> y,
               View<float> x,
               std::byte*) const override {
    kernels::Gemm gemm = gemm_of(y, x, w);
    gemm.ldb = x.shape.c;
    clear_padding(stream, x);
    kernels::run(stream, gemm);
  }

 private:
  kernels::Gemm gemm_of(View<const float> from, View<float> to, const Weights& w) const {
    kernels::Gemm gemm;
    gemm.m = from.shape.n;
    gemm.n = to.shape.c;
    gemm.k = from.shape.c;
    gemm.a = from.data;
    gemm.lda = from.stride_n;
    gemm.b = w.plain;
    gemm.c = to.data;
    gemm.ldc = to.stride_n;
    gemm.engine = engine_;
    return gemm;
  }

  kernels::GemmEngine engine_;
};

}  // namespace

Dense::Dense(std::int64_t features, bool bias) : features_(features), bias_(bias) {
  if (features < 1 || features > (1 << 24)) {
    throw Error(ErrorKind::kInput, "features of a dense layer")
        .expected("1 to 16777216")
        .got(std::to_string(features));
  }
}

Attributes Dense::attributes() const { return {{"features", features_}, {"bias", bias_}}; }

Shape Dense::infer(std::span<const Shape> in) const {
  expect_inputs(in, 1);
  if (in[0].h != 1 || in[0].w != 1) {
    throw Error(ErrorKind::kShape, "a dense layer takes a vector")
        .expected("n x c x 1 x 1")
        .got(to_string(in[0]))
        .hint("put a flatten layer before it");
  }
  return {in[0].n, features_, 1, 1};
}

std::vector<ParameterSpec> Dense::parameters(std::span<const Shape> in) const {
  std::vector<ParameterSpec> specs{
      {"weight", {features_, in[0].c, 1, 1}, Initializer::kHe, true, true}};
  if (bias_) specs.push_back({"bias", {1, features_, 1, 1}, Initializer::kZero, true, false});
  return specs;
}

Window Dense::window() const {
  Window w;
  w.global = true;
  return w;
}

std::int64_t Dense::macs(std::span<const Shape> in) const { return in[0].n * in[0].c * features_; }

std::unique_ptr<Prepared> Dense::prepare(const PrepareContext& c) const { return prepare_dense(c); }

void Dense::forward(const Call& c) const {
  const View<const float> x = c.in[0].in();
  const View<float> y = c.out.out();
  clear_padding(c.stream, y);
  kernels::Gemm gemm;  // y = x W^T
  gemm.transpose_b = true;
  gemm.m = x.shape.n;
  gemm.n = features_;
  gemm.k = x.shape.c;
  gemm.a = x.data;
  gemm.lda = x.stride_n;
  gemm.b = c.params[0].in().data;
  gemm.ldb = x.shape.c;
  gemm.c = y.data;
  gemm.ldc = y.stride_n;
  gemm.bias = bias_ ? c.params[1].in().data : nullptr;
  gemm.relu = c.relu;
  gemm.engine = engine_of(c.prepared);
  kernels::run(c.stream, gemm);
}

std::unique_ptr<Prepared> Dense::prepare_vjp(const PrepareContext& c) const {
  return prepare_dense(c);
}

std::unique_ptr<LinearMap> Dense::linear_map(const LinearGeometry& g) const {
  return std::make_unique<DenseMap>(kernels::gemm_engine(*g.engines));
}

void Dense::vjp(const BackCall& c) const {
  const View<const float> dy = c.dy.in();
  const std::int64_t inputs = c.in[0].shape().c;
  kernels::Gemm gemm;
  gemm.engine = engine_of(c.prepared);
  if (!c.dparams.empty() && c.dparams[0]) {  // dW = dy^T x
    const View<const float> x = c.in[0].in();
    gemm.transpose_a = true;
    gemm.m = features_;
    gemm.n = inputs;
    gemm.k = dy.shape.n;
    gemm.a = dy.data;
    gemm.lda = dy.stride_n;
    gemm.b = x.data;
    gemm.ldb = x.stride_n;
    gemm.c = c.dparams[0].out().data;
    gemm.ldc = inputs;
    kernels::run(c.stream, gemm);
    if (bias_) {
      kernels::run(c.stream, kernels::ChannelSums{dy,
                                                  {},
                                                  nullptr,
                                                  c.dparams[1].out().data,
                                                  nullptr,
                                                  reinterpret_cast<double*>(c.scratch)});
    }
  }
  if (c.dx[0]) {  // dx = dy W
    const View<float> dx = c.dx[0].out();
    clear_padding(c.stream, dx);
    gemm.transpose_a = false;
    gemm.m = dy.shape.n;
    gemm.n = inputs;
    gemm.k = features_;
    gemm.a = dy.data;
    gemm.lda = dy.stride_n;
    gemm.b = c.params[0].in().data;
    gemm.ldb = inputs;
    gemm.c = dx.data;
    gemm.ldc = dx.stride_n;
    kernels::run(c.stream, gemm);
  }
}

}  // namespace cutaway
