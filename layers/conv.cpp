#include "layers/conv.h"

#include <algorithm>

#include "kernels/norm.h"
#include "layers/linear_map.h"
#include "runtime/error.h"

namespace cutaway {
namespace {

using kernels::ConvArguments;
using kernels::ConvPass;
using kernels::ConvPrimitive;
using kernels::ConvProblem;

constexpr std::int64_t kMostKernel = 1024;

/// One primitive with its transformed weights.
struct Engine {
  std::unique_ptr<ConvPrimitive> primitive;
  WeightCache::Entry weights;
  kernels::EngineReport report;

  void load(Stream& stream, const TensorRef& w, WeightCache& cache, const std::string& key) {
    const std::size_t bytes = primitive->prepared_bytes();
    if (bytes == 0) return;
    weights = cache.get(key + "/" + primitive->prepared_format(), device_of(stream), bytes,
                        [&](std::byte* data) {
                          primitive->prepare(stream, w.in().data, data);
                          synchronize(stream);
                        });
  }
  [[nodiscard]] const std::byte* prepared() const { return weights ? weights->data() : nullptr; }
};

struct ForwardConv final : Prepared {
  Engine engine;
  std::size_t scratch_bytes() const override { return engine.primitive->scratch_bytes(); }
  void load(Stream& stream,
            std::span<const TensorRef> params,
            WeightCache& cache,
            const std::string& key) override {
    engine.load(stream, params[0], cache, key);
  }
  std::string note() const override { return engine.report.text(); }
};

struct BackwardConv final : Prepared {
  Engine data, weights;  // either may be unused
  std::size_t sums_bytes{0};
  std::size_t scratch_bytes() const override {
    std::size_t bytes = sums_bytes;
    if (data.primitive) bytes = std::max(bytes, data.primitive->scratch_bytes());
    if (weights.primitive) bytes = std::max(bytes, weights.primitive->scratch_bytes());
    return bytes;
  }
  void load(Stream& stream,
            std::span<const TensorRef> params,
            WeightCache& cache,
            const std::string& key) override {
    if (data.primitive) data.load(stream, params[0], cache, key);
  }
  std::string note() const override {
    std::string text;
    if (data.primitive) text += "data " + data.report.text();
    if (weights.primitive)
      text += (text.empty() ? "weights " : "; weights ") + weights.report.text();
    return text;
  }
};

class ConvMap final : public LinearMap {
 public:
  ConvMap(const LinearGeometry& c, const kernels::ConvGeometry& g) {
    ConvProblem problem{.pass = ConvPass::kForward,
                        .x = c.x.shape,
                        .y = c.y.shape,
                        .g = g,
                        .x_layout = c.x.layout,
                        .y_layout = c.y.layout,
                        .threads = c.threads,
                        .level = c.level};
    plain_ = kernels::make_conv(c.device, problem, *c.engines);
    problem.bias = true;
    biased_ = kernels::make_conv(c.device, problem, *c.engines);
    problem.bias = false;
    problem.pass = ConvPass::kBackwardData;
    adjoint_ = kernels::make_conv(c.device, problem, *c.engines);
  }

  std::size_t scratch_bytes() const override {
    return std::max({plain_->scratch_bytes(), biased_->scratch_bytes(), adjoint_->scratch_bytes()});
  }

  Weights load(Stream& stream,
               const float* plain,
               WeightCache::Entry owner,
               WeightCache& cache,
               const std::string& key) const override {
    const auto transformed = [&](const ConvPrimitive& primitive) -> WeightCache::Entry {
      const std::size_t bytes = primitive.prepared_bytes();
      if (bytes == 0) return nullptr;
      return cache.get(key + "/" + primitive.prepared_format(), device_of(stream), bytes,
                       [&](std::byte* data) {
                         primitive.prepare(stream, plain, data);
                         synchronize(stream);
                       });
    };
    Weights w{plain, std::move(owner), transformed(*plain_), transformed(*adjoint_)};
    // Engines choose by geometry and add the bias last.
    check(biased_->prepared_format() == plain_->prepared_format(), "one format, biased or not");
    if (w.forward && w.adjoint) w.owner = nullptr;
    return w;
  }

  void apply(Stream& stream,
             const Weights& w,
             const float* bias,
             View<const float> x,
             View<float> y,
             std::byte* scratch) const override {
    run(stream, bias != nullptr ? *biased_ : *plain_, x, y, w.plain, w.forward, bias, scratch);
  }

  void adjoint(Stream& stream,
               const Weights& w,
               View<const float> y,
               View<float> x,
               std::byte* scratch) const override {
    run(stream, *adjoint_, y, x, w.plain, w.adjoint, nullptr, scratch);
  }

 private:
  static void run(Stream& stream,
                  const ConvPrimitive& primitive,
                  View<const float> in,
                  View<float> out,
                  const float* w,
                  const WeightCache::Entry& prepared,
                  const float* bias,
                  std::byte* scratch) {
    ConvArguments a;
    a.in = in;
    a.out = out;
    a.w = w;
    a.bias = bias;
    a.prepared = prepared ? prepared->data() : nullptr;
    a.scratch = scratch;
    primitive.run(stream, a);
  }

  std::unique_ptr<ConvPrimitive> plain_, biased_, adjoint_;
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

}  // namespace

Conv::Conv(std::int64_t channels, const kernels::ConvGeometry& g, bool bias)
    : channels_(channels), g_(g), bias_(bias) {
  const auto within = [](std::int32_t v, std::int32_t least) {
    return v >= least && v <= kMostKernel;
  };
  const bool good = channels >= 1 && channels <= (1 << 20) && within(g.kernel_h, 1) &&
                    within(g.kernel_w, 1) && within(g.stride_h, 1) && within(g.stride_w, 1) &&
                    within(g.pad_h, 0) && within(g.pad_w, 0) && within(g.dilation_h, 1) &&
                    within(g.dilation_w, 1) && g.groups >= 1 && channels % g.groups == 0;
  if (!good) {
    throw Error(ErrorKind::kInput, "impossible convolution")
        .expected(
            "channels a multiple of groups; kernel, stride and dilation from 1 and padding from 0 "
            "to 1024");
  }
}

Conv::Conv(const Attributes& a)
    : Conv(a.integer("channels", 1, 1 << 20), geometry_from(a), a.flag("bias", true)) {}

Attributes Conv::attributes() const {
  const auto i = [](std::int32_t v) { return std::int64_t{v}; };
  return {{"channels", channels_},
          {"kernel_h", i(g_.kernel_h)},
          {"kernel_w", i(g_.kernel_w)},
          {"stride_h", i(g_.stride_h)},
          {"stride_w", i(g_.stride_w)},
          {"pad_h", i(g_.pad_h)},
          {"pad_w", i(g_.pad_w)},
          {"dilation_h", i(g_.dilation_h)},
          {"dilation_w", i(g_.dilation_w)},
          {"groups", i(g_.groups)},
          {"bias", bias_}};
}

Shape Conv::infer(std::span<const Shape> in) const {
  expect_inputs(in, 1);
  const Shape& x = in[0];
  if (x.c % g_.groups != 0) {
    throw Error(ErrorKind::kShape, "input channels")
        .expected("a multiple of " + std::to_string(g_.groups) + " groups")
        .got(std::to_string(x.c));
  }
  const Shape y{x.n, channels_,
                kernels::conv_extent(x.h, g_.kernel_h, g_.stride_h, g_.pad_h, g_.dilation_h),
                kernels::conv_extent(x.w, g_.kernel_w, g_.stride_w, g_.pad_w, g_.dilation_w)};
  if (y.h < 1 || y.w < 1) {
    throw Error(ErrorKind::kShape, "the input is smaller than the kernel").got(to_string(x));
  }
  return y;
}

std::vector<ParameterSpec> Conv::parameters(std::span<const Shape> in) const {
  std::vector<ParameterSpec> specs{{"weight",
                                    {channels_, in[0].c / g_.groups, g_.kernel_h, g_.kernel_w},
                                    Initializer::kHe,
                                    true,
                                    true}};
  if (bias_) specs.push_back({"bias", {1, channels_, 1, 1}, Initializer::kZero, true, false});
  return specs;
}

Window Conv::window() const {
  return {.kernel_h = g_.kernel_h,
          .kernel_w = g_.kernel_w,
          .stride_h = g_.stride_h,
          .stride_w = g_.stride_w,
          .pad_h = g_.pad_h,
          .pad_w = g_.pad_w,
          .dilation_h = g_.dilation_h,
          .dilation_w = g_.dilation_w};
}

std::int64_t Conv::macs(std::span<const Shape> in) const {
  return infer(in).count() * (in[0].c / g_.groups) * g_.kernel_h * g_.kernel_w;
}

std::unique_ptr<Prepared> Conv::prepare(const PrepareContext& c) const {
  auto prepared = std::make_unique<ForwardConv>();
  const ConvProblem problem{.pass = ConvPass::kForward,
                            .x = c.in[0].shape,
                            .y = c.out.shape,
                            .g = g_,
                            .x_layout = c.in[0].layout,
                            .y_layout = c.out.layout,
                            .x_stored_channels = c.in[0].stored_channels,
                            .y_stored_channels = c.out.stored_channels,
                            .bias = bias_,
                            .relu = c.relu,
                            .frozen = c.frozen,
                            .threads = c.threads,
                            .level = c.level};
  prepared->engine.primitive =
      kernels::make_conv(c.device, problem, *c.engines, &prepared->engine.report);
  return prepared;
}

void Conv::forward(const Call& c) const {
  const auto& engine = static_cast<const ForwardConv*>(c.prepared)->engine;
  ConvArguments a;
  a.in = c.in[0].in();
  a.out = c.out.out();
  a.w = c.params[0].in().data;
  a.bias = bias_ ? c.params[1].in().data : nullptr;
  a.prepared = engine.prepared();
  a.scratch = c.scratch;
  engine.primitive->run(c.stream, a);
}

std::unique_ptr<Prepared> Conv::prepare_vjp(const PrepareContext& c) const {
  auto prepared = std::make_unique<BackwardConv>();
  ConvProblem problem{.pass = ConvPass::kBackwardData,
                      .x = c.in[0].shape,
                      .y = c.out.shape,
                      .g = g_,
                      .x_layout = c.dx[0].layout,
                      .y_layout = c.dy.layout,
                      .x_stored_channels = c.dx[0].stored_channels,
                      .y_stored_channels = c.dy.stored_channels,
                      .frozen = c.frozen,
                      .threads = c.threads,
                      .level = c.level};
  if (c.dx[0].shape.count() > 0) {
    prepared->data.primitive =
        kernels::make_conv(c.device, problem, *c.engines, &prepared->data.report);
  }
  if (c.wants_dparams) {
    problem.pass = ConvPass::kBackwardWeights;
    problem.x_layout = c.in[0].layout;
    problem.x_stored_channels = c.in[0].stored_channels;
    prepared->weights.primitive =
        kernels::make_conv(c.device, problem, *c.engines, &prepared->weights.report);
    if (bias_) prepared->sums_bytes = kernels::channel_sums_scratch_bytes(geometry_of(c.dy));
  }
  return prepared;
}

std::unique_ptr<LinearMap> Conv::linear_map(const LinearGeometry& g) const {
  // A bias may also come from a batch normalisation behind the layer.
  return std::make_unique<ConvMap>(g, g_);
}

void Conv::vjp(const BackCall& c) const {
  const auto& prepared = *static_cast<const BackwardConv*>(c.prepared);
  if (!c.dparams.empty() && c.dparams[0]) {
    ConvArguments a;
    a.in = c.in[0].in();
    a.in2 = c.dy.in();
    a.dw = c.dparams[0].out().data;
    a.scratch = c.scratch;
    prepared.weights.primitive->run(c.stream, a);
    if (bias_) {
      kernels::run(c.stream, kernels::ChannelSums{.dy = c.dy.in(),
                                                  .x = {},
                                                  .center = nullptr,
                                                  .sum = c.dparams[1].out().data,
                                                  .sum_product = nullptr,
                                                  .scratch = reinterpret_cast<double*>(c.scratch)});
    }
  }
  if (c.dx[0]) {
    ConvArguments a;
    a.in = c.dy.in();
    a.out = c.dx[0].out();
    a.w = c.params[0].in().data;
    a.prepared = prepared.data.prepared();
    a.scratch = c.scratch;
    prepared.data.primitive->run(c.stream, a);
  }
}

}  // namespace cutaway
