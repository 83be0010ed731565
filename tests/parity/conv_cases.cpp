#include <memory>
#include <string>

#include "kernels/conv.h"
#include "tests/parity/case.h"

namespace parity {
namespace {

using namespace cutaway::kernels;
using cutaway::Stream;

/// A convolution: every fourth one with groups, half of them with a stride, some dilated, some
/// large enough for several tiles.
ConvProblem draw_problem(Fixture& f, ConvPass pass, Layout (*layout)(Fixture&, std::int64_t)) {
  ConvProblem p;
  p.pass = pass;
  for (;;) {
    ConvGeometry g;
    g.kernel_h = f.draw(0, 1) == 0 ? 3 : f.draw(1, 7);
    g.kernel_w = f.draw(0, 3) == 0 ? f.draw(1, 7) : g.kernel_h;
    g.stride_h = f.draw(0, 1) == 0 ? 1 : f.draw(2, 4);
    g.stride_w = g.stride_h;
    g.pad_h = f.draw(0, g.kernel_h / 2);
    g.pad_w = f.draw(0, g.kernel_w / 2);
    g.dilation_h = g.dilation_w = f.draw(0, 4) == 0 ? 2 : 1;
    g.groups = f.draw(0, 3) == 0 ? 2 : 1;
    const bool even = f.draw(0, 1) == 0;
    const std::int64_t inputs = even ? 8 * f.draw(1, 8) : f.draw(1, 33);
    const std::int64_t outputs = even ? 8 * f.draw(1, 10) : f.draw(1, 70);
    p.g = g;
    p.x = {f.draw(1, 4), inputs * g.groups, f.draw(1, 28), f.draw(1, 28)};
    p.y = {p.x.n, outputs * g.groups,
           conv_extent(p.x.h, g.kernel_h, g.stride_h, g.pad_h, g.dilation_h),
           conv_extent(p.x.w, g.kernel_w, g.stride_w, g.pad_w, g.dilation_w)};
    if (p.y.h > 0 && p.y.w > 0) break;
  }
  p.x_layout = layout(f, p.x.c);
  p.y_layout = layout(f, p.y.c);
  p.bias = pass == ConvPass::kForward && f.draw(0, 1) == 0;
  p.relu = pass == ConvPass::kForward && f.draw(0, 1) == 0;
  p.frozen = pass != ConvPass::kBackwardWeights && f.draw(0, 1) == 0;
  return p;
}

Layout last(Fixture&, std::int64_t c) { return cutaway::channels_last(c); }
Layout any(Fixture& f, std::int64_t c) { return f.layout(c); }

Launch conv(Fixture& f, const char* engine, ConvPass pass) {
  const bool any_layout = std::string(engine) == "reference";
  const ConvProblem p = draw_problem(f, pass, any_layout ? any : last);
  EngineOptions options;
  options.force = std::string("conv:") + (f.device() == cutaway::kCpuDevice ? "reference" : engine);
  const std::shared_ptr<ConvPrimitive> primitive = make_conv(f.device(), p, options);

  ConvArguments a;
  const std::int64_t weights = p.y.c * (p.x.c / p.g.groups) * p.g.kernel_h * p.g.kernel_w;
  switch (pass) {
    case ConvPass::kForward:
      a.in = f.input(p.x, p.x_layout);
      a.out = f.output(p.y, p.y_layout);
      break;
    case ConvPass::kBackwardData:
      a.in = f.input(p.y, p.y_layout);
      a.out = f.output(p.x, p.x_layout);
      break;
    case ConvPass::kBackwardWeights:
      a.in = f.input(p.x, p.x_layout);
      a.in2 = f.input(p.y, p.y_layout);
      a.dw = f.result_numbers(weights);
      break;
  }
  if (pass != ConvPass::kBackwardWeights) a.w = f.numbers(weights);
  if (p.bias) a.bias = f.numbers(p.y.c);
  std::byte* prepared = f.scratch(primitive->prepared_bytes());
  a.prepared = prepared;
  a.scratch = f.scratch(primitive->scratch_bytes());
  return [primitive, a, prepared](Stream& stream) {
    if (prepared != nullptr) primitive->prepare(stream, a.w, prepared);
    primitive->run(stream, a);
  };
}

}  // namespace

void add_conv(Cases& cases) {
  const auto add_engine = [&](const char* engine, ConvPass pass, const char* name) {
    // A stride larger than the kernel leaves gaps in dx, a ReLU in y.
    for (Case* c : add(
             cases, "conv", name, kSummed,
             [engine, pass](Fixture& f) { return conv(f, engine, pass); }, 16)) {
      c->zeros = true;
      c->family = std::string("conv ") + engine;
    }
  };
  for (const char* engine : {"cudnn", "implicit_gemm", "reference"}) {
    add_engine(engine, ConvPass::kForward, "forward");
    add_engine(engine, ConvPass::kBackwardData, "data gradient");
    add_engine(engine, ConvPass::kBackwardWeights, "weight gradient");
  }
}

}  // namespace parity
