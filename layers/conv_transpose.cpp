#include "layers/conv_transpose.h"

#include <algorithm>

#include "kernels/broadcast.h"
#include "kernels/norm.h"
#include "layers/conv.h"
#include "layers/linear_map.h"
#include "runtime/error.h"

namespace cutaway {
namespace {

using kernels::ConvPass;
using kernels::ConvProblem;

constexpr std::int64_t kMostKernel = 1024;

/// One pass of the convolution from y to x whose adjoint this layer is, with its transformed
/// weights.
struct Engine {
  std::unique_ptr<kernels::ConvPrimitive> primitive;
  WeightCache::Entry weights;
  kernels::EngineReport report;

  void make(const PrepareContext& c, const ConvProblem& problem) {
    primitive = kernels::make_conv(c.device, problem, *c.engines, &report);
  }
  [[nodiscard]] std::size_t scratch_bytes() const {
    return primitive ? primitive->scratch_bytes() : 0;
  }
  void load(Stream& stream, const TensorRef& w, WeightCache& cache, const std::string& key) {
    const std::size_t bytes = primitive ? primitive->prepared_bytes() : 0;
    if (bytes == 0) return;
    weights = cache.get(key + "/" + primitive->prepared_format(), device_of(stream), bytes,
                        [&](std::byte* data) {
                          primitive->prepare(stream, w.in().data, data);
                          synchronize(stream);
                        });
  }
  void run(Stream& stream,
           const View<const float>& in,
           const View<float>& out,
           const TensorRef& w,
           std::byte* scratch) const {
    kernels::ConvArguments a;
    a.in = in;
    a.out = out;
    a.w = w.in().data;
    a.prepared = weights ? weights->data() : nullptr;
    a.scratch = scratch;
    primitive->run(stream, a);
  }
};

struct Engines final : Prepared {
  Engine data, gradient;  // the second: of the weights
  std::size_t sums_bytes{0};
  std::size_t scratch_bytes() const override {
    return std::max({sums_bytes, data.scratch_bytes(), gradient.scratch_bytes()});
  }
  void load(Stream& stream,
            std::span<const TensorRef> params,
            WeightCache& cache,
            const std::string& key) override {
    data.load(stream, params[0], cache, key);
  }
  std::string note() const override { return data.primitive ? data.report.text() : ""; }
};

/// The convolution between `y`, which is its input, and `x`, its output.
ConvProblem problem_between(const PrepareContext& c,
                            ConvPass pass,
                            const kernels::ConvGeometry& g,
                            const ValueSpec& y,
                            const ValueSpec& x) {
  return {.pass = pass,
          .x = y.shape,
          .y = x.shape,
          .g = g,
          .x_layout = y.layout,
          .y_layout = x.layout,
          .x_stored_channels = y.stored_channels,
          .y_stored_channels = x.stored_channels,
          .bias = false,
          .relu = false,
          .frozen = c.frozen,
          .threads = c.threads,
          .level = c.level};
}

View<const float> as_vector(const float* data, std::int64_t count) {
  return dense_view(data, Shape{1, count, 1, 1}, kPlain);
}

void add_bias(Stream& stream, const float* bias, const View<float>& y) {
  kernels::run(stream, kernels::Binary{y, as_vector(bias, y.shape.c), y, kernels::BinaryOp::kAdd});
}

/// The convolution's linear map, the other way round.
class TransposedMap final : public LinearMap {
 public:
  explicit TransposedMap(std::unique_ptr<LinearMap> conv) : conv_(std::move(conv)) {}
  std::size_t scratch_bytes() const override { return conv_->scratch_bytes(); }
  Weights load(Stream& stream,
               const float* plain,
               WeightCache::Entry owner,
               WeightCache& cache,
               const std::string& key) const override {
    return conv_->load(stream, plain, std::move(owner), cache, key);
  }
  void apply(Stream& stream,
             const Weights& w,
             const float* bias,
             View<const float> x,
             View<float> y,
             std::byte* scratch) const override {
    conv_->adjoint(stream, w, x, y, scratch);
    if (bias != nullptr) add_bias(stream, bias, y);
  }
  void adjoint(Stream& stream,
               const Weights& w,
               View<const float> y,
               View<float> x,
               std::byte* scratch) const override {
    conv_->apply(stream, w, nullptr, y, x, scratch);
  }

 private:
  std::unique_ptr<LinearMap> conv_;
};

kernels::ConvGeometry geometry_from(const Attributes& a) {
  const auto get = [&](const char* name, std::int64_t otherwise, std::int64_t least) {
    return static_cast<std::int32_t>(a.integer(name, otherwise, least, kMostKernel));
  };
  return {.kernel_h = get("kernel_h", 1, 1),
          .kernel_w = get("kernel_w", 1, 1),
          .stride_h = get("stride_h", 1, 1),
          .stride_w = get("stride_w", 1, 1),
          .pad_h = get("pad_h", 0, 0),
          .pad_w = get("pad_w", 0, 0),
          .dilation_h = get("dilation_h", 1, 1),
          .dilation_w = get("dilation_w", 1, 1),
          .groups = static_cast<std::int32_t>(a.integer("groups", 1, 1, 1 << 20))};
}

std::int64_t grown(std::int64_t extent,
                   std::int32_t kernel,
                   std::int32_t stride,
                   std::int32_t pad,
                   std::int32_t dilation,
                   std::int64_t extra) {
  return (extent - 1) * stride - 2 * std::int64_t{pad} + std::int64_t{dilation} * (kernel - 1) + 1 +
         extra;
}

}  // namespace

ConvTranspose::ConvTranspose(std::int64_t channels,
                             const kernels::ConvGeometry& g,
                             std::int64_t extra_h,
                             std::int64_t extra_w,
                             bool bias)
    : channels_(channels), g_(g), extra_h_(extra_h), extra_w_(extra_w), bias_(bias) {
  (void)Conv(channels, g, bias);  // the same ranges
  const bool good = extra_h >= 0 && extra_w >= 0 && extra_h < g.stride_h && extra_w < g.stride_w;
  if (!good) {
    throw Error(ErrorKind::kInput, "extra rows or columns of a transposed convolution")
        .expected("0 or more, less than the stride")
        .got(std::to_string(extra_h) + " and " + std::to_string(extra_w));
  }
}

ConvTranspose::ConvTranspose(const Attributes& a)
    : ConvTranspose(a.integer("channels", 1, 1 << 20),
                    geometry_from(a),
                    a.integer("extra_h", 0, 0, kMostKernel),
                    a.integer("extra_w", 0, 0, kMostKernel),
                    a.flag("bias", true)) {}

Attributes ConvTranspose::attributes() const {
  Attributes a = Conv(channels_, g_, bias_).attributes();
  a.set("extra_h", extra_h_);
  a.set("extra_w", extra_w_);
  return a;
}

Shape ConvTranspose::infer(std::span<const Shape> in) const {
  expect_inputs(in, 1);
  const Shape& x = in[0];
  if (x.c % g_.groups != 0) {
    throw Error(ErrorKind::kShape, "input channels")
        .expected("a multiple of " + std::to_string(g_.groups) + " groups")
        .got(std::to_string(x.c));
  }
  const Shape y{x.n, channels_,
                grown(x.h, g_.kernel_h, g_.stride_h, g_.pad_h, g_.dilation_h, extra_h_),
                grown(x.w, g_.kernel_w, g_.stride_w, g_.pad_w, g_.dilation_w, extra_w_)};
  if (y.h < 1 || y.w < 1) {
    throw Error(ErrorKind::kShape, "nothing is left of a transposed convolution").got(to_string(x));
  }
  return y;
}

std::vector<ParameterSpec> ConvTranspose::parameters(std::span<const Shape> in) const {
  std::vector<ParameterSpec> specs{{"weight",
                                    {in[0].c, channels_ / g_.groups, g_.kernel_h, g_.kernel_w},
                                    Initializer::kHe,
                                    true,
                                    true}};
  if (bias_) specs.push_back({"bias", {1, channels_, 1, 1}, Initializer::kZero, true, false});
  return specs;
}

Window ConvTranspose::window() const {
  Window w;
  w.global = true;
  return w;
}

std::int64_t ConvTranspose::macs(std::span<const Shape> in) const {
  return in[0].count() * (channels_ / g_.groups) * g_.kernel_h * g_.kernel_w;
}

std::unique_ptr<Prepared> ConvTranspose::prepare(const PrepareContext& c) const {
  auto prepared = std::make_unique<Engines>();
  prepared->data.make(c, problem_between(c, ConvPass::kBackwardData, g_, c.out, c.in[0]));
  return prepared;
}

void ConvTranspose::forward(const Call& c) const {
  const View<float> y = c.out.out();
  static_cast<const Engines*>(c.prepared)
      ->data.run(c.stream, c.in[0].in(), y, c.params[0], c.scratch);
  if (bias_) add_bias(c.stream, c.params[1].in().data, y);
}

std::unique_ptr<Prepared> ConvTranspose::prepare_vjp(const PrepareContext& c) const {
  auto prepared = std::make_unique<Engines>();
  if (c.dx[0].shape.count() > 0)
    prepared->data.make(c, problem_between(c, ConvPass::kForward, g_, c.dy, c.dx[0]));
  if (c.wants_dparams) {
    prepared->gradient.make(c, problem_between(c, ConvPass::kBackwardWeights, g_, c.dy, c.in[0]));
    if (bias_) prepared->sums_bytes = kernels::channel_sums_scratch_bytes(geometry_of(c.dy));
  }
  return prepared;
}

void ConvTranspose::vjp(const BackCall& c) const {
  const auto& prepared = *static_cast<const Engines*>(c.prepared);
  if (!c.dparams.empty() && c.dparams[0]) {
    kernels::ConvArguments a;
    a.in = c.dy.in();
    a.in2 = c.in[0].in();
    a.dw = c.dparams[0].out().data;
    a.scratch = c.scratch;
    prepared.gradient.primitive->run(c.stream, a);
    if (bias_) {
      kernels::run(c.stream, kernels::ChannelSums{.dy = c.dy.in(),
                                                  .x = {},
                                                  .center = nullptr,
                                                  .sum = c.dparams[1].out().data,
                                                  .sum_product = nullptr,
                                                  .scratch = reinterpret_cast<double*>(c.scratch)});
    }
  }
  if (c.dx[0]) prepared.data.run(c.stream, c.dy.in(), c.dx[0].out(), c.params[0], c.scratch);
}

std::unique_ptr<LinearMap> ConvTranspose::linear_map(const LinearGeometry& g) const {
  LinearGeometry turned = g;
  std::swap(turned.x, turned.y);
  return std::make_unique<TransposedMap>(Conv(g.x.shape.c, g_, false).linear_map(turned));
}

}  // namespace cutaway
