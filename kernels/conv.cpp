#include "kernels/conv.h"

#include <array>
#include <span>
#include <utility>

#include "runtime/config.h"
#include "runtime/error.h"

namespace cutaway::kernels {
namespace {

using Make = decltype(ConvEngine::make);
#if CUTAWAY_HAVE_ONEDNN
constexpr Make kOnednn = make_conv_onednn;
#else
constexpr Make kOnednn = nullptr;
#endif
#if CUTAWAY_HAVE_CUDA
constexpr Make kCudnn = make_conv_cudnn;
constexpr Make kImplicitGemm = make_conv_implicit_gemm;
constexpr Make kReferenceCuda = make_conv_reference_cuda;
#else
constexpr Make kCudnn = nullptr, kImplicitGemm = nullptr, kReferenceCuda = nullptr;
#endif

// The ordered list: the first engine that accepts a problem gets it, so the fastest stand first.
constexpr ConvEngine kEngines[] = {
    {"winograd", Device::Kind::kCpu, false, make_conv_winograd},
    {"direct", Device::Kind::kCpu, false, make_conv_direct},
    {"reordered", Device::Kind::kCpu, false, make_conv_reordered},
    {"onednn", Device::Kind::kCpu, true, kOnednn},
    {"cudnn", Device::Kind::kCuda, true, kCudnn},
    {"implicit_gemm", Device::Kind::kCuda, false, kImplicitGemm},
    {"reference", Device::Kind::kCpu, false, make_conv_reference},
    {"reference", Device::Kind::kCuda, false, kReferenceCuda},
};

bool serves(const ConvEngine& engine, Device device) {
  return engine.device == device.kind && engine.make != nullptr;
}

/// Runs a primitive made for one image on the images of a batch, one after the other: what a
/// library computes may depend on the batch size it was asked for, and so it is always asked for
/// one.
class PerImage final : public ConvPrimitive {
 public:
  PerImage(std::unique_ptr<ConvPrimitive> one, std::int64_t images)
      : one_(std::move(one)), images_(images) {}

  [[nodiscard]] std::string_view engine() const noexcept override { return one_->engine(); }
  [[nodiscard]] std::size_t scratch_bytes() const override { return one_->scratch_bytes(); }
  [[nodiscard]] std::size_t prepared_bytes() const override { return one_->prepared_bytes(); }
  [[nodiscard]] std::string prepared_format() const override { return one_->prepared_format(); }
  void prepare(Stream& stream, const float* w, std::byte* prepared) const override {
    one_->prepare(stream, w, prepared);
  }
  void run(Stream& stream, const ConvArguments& a) const override {
    check(a.in.shape.n == images_ && a.out.shape.n == images_, "convolution: batch size");
    for (std::int64_t n = 0; n < images_; ++n) {
      ConvArguments image = a;
      image.in = image_slice(a.in, n, 1);
      image.out = image_slice(a.out, n, 1);
      one_->run(stream, image);
    }
  }

 private:
  std::unique_ptr<ConvPrimitive> one_;
  std::int64_t images_;
};

Error invalid(std::string what) { return {ErrorKind::kShape, "convolution: " + std::move(what)}; }

void validate_geometry(const ConvProblem& p) {
  const ConvGeometry& g = p.g;
  if (g.kernel_h < 1 || g.kernel_w < 1 || g.stride_h < 1 || g.stride_w < 1 || g.dilation_h < 1 ||
      g.dilation_w < 1 || g.pad_h < 0 || g.pad_w < 0) {
    throw invalid("kernel, stride and dilation must be at least 1, padding at least 0");
  }
  if (g.groups < 1 || p.x.c % g.groups != 0 || p.y.c % g.groups != 0) {
    throw invalid("groups must divide the channels of input and output")
        .got(std::to_string(g.groups) + " groups, " + std::to_string(p.x.c) + " and " +
             std::to_string(p.y.c) + " channels");
  }
  const std::int64_t h = conv_extent(p.x.h, g.kernel_h, g.stride_h, g.pad_h, g.dilation_h);
  const std::int64_t w = conv_extent(p.x.w, g.kernel_w, g.stride_w, g.pad_w, g.dilation_w);
  if (h < 1 || w < 1) {
    throw invalid("the kernel does not fit into the padded input").got("input " + to_string(p.x));
  }
  const Shape expected{p.x.n, p.y.c, h, w};
  if (!(p.y == expected)) {
    throw invalid("output shape").expected(to_string(expected)).got(to_string(p.y));
  }
}

void validate_stored(std::int64_t stored, std::int64_t c, Layout layout, const char* which) {
  if (layout.block < 1) throw invalid("channel block below 1");
  if (stored != 0 && round_up(stored, layout.block) < round_up(c, layout.block) &&
      layout.block <= 16) {
    throw invalid(std::string("the tensor that ") + which + " is a slice of has fewer channels")
        .expected("at least " + std::to_string(c))
        .got(std::to_string(stored));
  }
}

void validate_problem(const ConvProblem& p) {
  validate(p.x, "convolution input");
  validate(p.y, "convolution output");
  validate_geometry(p);
  validate_stored(p.x_stored_channels, p.x.c, p.x_layout, "x");
  validate_stored(p.y_stored_channels, p.y.c, p.y_layout, "y");
  if (p.pass != ConvPass::kForward && (p.bias || p.relu)) {
    throw invalid("bias and ReLU belong to the forward pass");
  }
  if (p.threads < 1) throw invalid("threads below 1");
}

std::unique_ptr<ConvPrimitive> try_engine(const ConvEngine& engine,
                                          const ConvProblem& problem,
                                          bool invariant,
                                          std::string& declined) {
  // Own engines never look at the batch, but may decline a small one when weights change at every
  // run.
  const bool split = invariant && problem.pass != ConvPass::kBackwardWeights && problem.x.n > 1 &&
                     (engine.third_party || !problem.frozen);
  if (!split) return engine.make(problem, declined);
  ConvProblem one = problem;
  one.x.n = one.y.n = 1;
  auto primitive = engine.make(one, declined);
  if (primitive == nullptr) return nullptr;
  return std::make_unique<PerImage>(std::move(primitive), problem.x.n);
}

std::unique_ptr<ConvPrimitive> make_forced(Device device,
                                           const ConvProblem& problem,
                                           const std::string& name,
                                           bool invariant,
                                           EngineReport& report) {
  std::unique_ptr<ConvPrimitive> made;
  std::string known;
  bool found = false;
  for (const ConvEngine& engine : kEngines) {
    if (!serves(engine, device)) continue;
    known += (known.empty() ? "" : ", ") + std::string(engine.name);
    if (engine.name != name) {
      report.declined.emplace_back(engine.name, "not tried: " + name + " is forced");
      continue;
    }
    found = true;
    std::string declined;
    made = try_engine(engine, problem, invariant, declined);
    if (made == nullptr) {
      throw Error(ErrorKind::kUsage, "the forced engine declines this convolution: " + declined)
          .at("conv:" + name);
    }
    report.chosen = name;
  }
  if (!found) {
    throw Error(ErrorKind::kUsage, "no such convolution engine on " + to_string(device))
        .expected(known)
        .got("'" + name + "'");
  }
  return made;
}

}  // namespace

std::span<const ConvEngine> conv_engines() { return kEngines; }

MadeConv make_conv_winograd(const ConvProblem& p, std::string& declined) {
  return at_level(p.level, [&](auto level) { return make_conv_winograd(level, p, declined); });
}

MadeConv make_conv_direct(const ConvProblem& p, std::string& declined) {
  return at_level(p.level, [&](auto level) { return make_conv_direct(level, p, declined); });
}

MadeConv make_conv_reordered(const ConvProblem& p, std::string& declined) {
  return at_level(p.level, [&](auto level) { return make_conv_reordered(level, p, declined); });
}

MadeConv make_conv_reference(const ConvProblem& p, std::string& declined) {
  return at_level(p.level, [&](auto level) { return make_conv_reference(level, p, declined); });
}

std::int64_t ConvProblem::macs() const {
  return y.count() * (x.c / g.groups) * g.kernel_h * g.kernel_w;
}

void ConvPrimitive::prepare(Stream&, const float*, std::byte*) const {}

std::unique_ptr<ConvPrimitive> make_conv(Device device,
                                         const ConvProblem& problem,
                                         const EngineOptions& options,
                                         EngineReport* report) {
  validate_problem(problem);
  EngineReport local;
  EngineReport& r = report != nullptr ? *report : local;
  r = {};
  const std::string forced = options.forced("conv");
  if (!forced.empty()) {
    return make_forced(device, problem, forced, options.batch_invariant, r);
  }
  for (const ConvEngine& engine : kEngines) {
    if (!serves(engine, device)) continue;
    std::string declined;
    if (auto made = try_engine(engine, problem, options.batch_invariant, declined)) {
      r.chosen = engine.name;
      return made;
    }
    r.declined.emplace_back(engine.name, declined);
  }
  throw Error(ErrorKind::kInternal, "no engine took a valid convolution");
}

}  // namespace cutaway::kernels
