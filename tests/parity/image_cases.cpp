#include "kernels/image.h"
#include "tests/parity/case.h"

namespace parity {
namespace {

using namespace cutaway::kernels;
using cutaway::Stream;

Launch resize(Fixture& f) {
  const Shape x = f.shape();
  const Shape y{x.n, x.c, f.draw(1, 24), f.draw(1, 24)};
  const Layout l = f.layout(x.c);
  const ResizeBilinear down{f.input(x, l), f.output(y, l)};
  const ResizeBilinearBackward up{f.input(y, l), f.output(x, l)};
  return [down, up](Stream& stream) {
    run(stream, down);
    run(stream, up);
  };
}

Launch pad(Fixture& f, PadMode mode) {
  const Shape x = f.shape();
  const bool reflect = mode == PadMode::kReflect;
  const auto pads = [&](std::int64_t extent) {
    return f.draw(0, reflect ? static_cast<std::int32_t>(extent) - 1 : 5);
  };
  const std::int32_t top = pads(x.h), bottom = pads(x.h), left = pads(x.w), right = pads(x.w);
  const Shape y{x.n, x.c, x.h + top + bottom, x.w + left + right};
  const Layout l = f.layout(x.c);
  const Pad down{f.input(x, l), f.output(y, l), top, left, mode};
  const PadBackward up{f.input(y, l), f.output(x, l), top, left, mode};
  return [down, up](Stream& stream) {
    run(stream, down);
    run(stream, up);
  };
}

Launch reduce(Fixture& f, ChannelReduction reduction) {
  const Shape x = f.shape();
  const Shape y{x.n, 1, x.h, x.w};
  const ReduceChannels k{f.input(x, f.layout(x.c)), f.output(y, f.layout(1)), reduction};
  return [k](Stream& stream) { run(stream, k); };
}

Launch weighted(Fixture& f, bool relu) {
  const Shape x = f.shape();
  const Shape y{x.n, 1, x.h, x.w};
  const std::int64_t stride = f.draw(0, 1) == 0 ? 0 : x.c + f.draw(0, 4);
  const float* weight = f.numbers(stride * x.n + x.c);
  const WeightedChannelSum k{f.input(x, f.layout(x.c)), weight, stride, f.output(y, f.layout(1)),
                             relu};
  return [k](Stream& stream) { run(stream, k); };
}

}  // namespace

void add_image(Cases& cases) {
  // Shrinking leaves pixels that no result reads.
  for (Case* c : add(cases, "image", "resize", kExact, resize)) c->zeros = true;
  for (Case* c : add(cases, "image", "pad with zeros", kExact,
                     [](Fixture& f) { return pad(f, PadMode::kZero); })) {
    c->zeros = true;
  }
  add(cases, "image", "pad by reflection", kExact,
      [](Fixture& f) { return pad(f, PadMode::kReflect); });
  add(cases, "image", "pad with the edge", kExact,
      [](Fixture& f) { return pad(f, PadMode::kEdge); });
  add(cases, "image", "max |x| of channels", kExact,
      [](Fixture& f) { return reduce(f, ChannelReduction::kMaxAbs); });
  add(cases, "image", "sum of channels", kExact,
      [](Fixture& f) { return reduce(f, ChannelReduction::kSum); });
  add(cases, "image", "sum of |x| of channels", kExact,
      [](Fixture& f) { return reduce(f, ChannelReduction::kSumAbs); });
  for (Case* c : add(cases, "image", "positive sum of channels", kExact,
                     [](Fixture& f) { return reduce(f, ChannelReduction::kPositiveSum); })) {
    c->zeros = true;
  }
  add(cases, "image", "weighted sum of channels", kExact,
      [](Fixture& f) { return weighted(f, false); });
  for (Case* c : add(cases, "image", "weighted sum of channels, relu", kExact,
                     [](Fixture& f) { return weighted(f, true); })) {
    c->zeros = true;
  }
}

}  // namespace parity
