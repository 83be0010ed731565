#include <algorithm>

#include "kernels/pool.h"
#include "kernels/template_mask.h"
#include "tests/parity/case.h"

namespace parity {
namespace {

using namespace cutaway::kernels;
using cutaway::Stream;

struct Pooling {
  PoolGeometry g;
  Shape x, y;
};

/// Windows of up to 4 x 4, overlapping or apart, padded up to half the window.
Pooling draw_pooling(Fixture& f) {
  Pooling p;
  for (;;) {
    p.x = f.shape();
    PoolGeometry& g = p.g;
    g.kernel_h = f.draw(1, 4);
    g.kernel_w = f.draw(0, 2) == 0 ? f.draw(1, 4) : g.kernel_h;
    g.stride_h = f.draw(1, 3);
    g.stride_w = f.draw(0, 2) == 0 ? f.draw(1, 3) : g.stride_h;
    g.pad_h = f.draw(0, g.kernel_h / 2);
    g.pad_w = f.draw(0, g.kernel_w / 2);
    const bool ceil = f.draw(0, 1) == 1;
    p.y = {p.x.n, p.x.c, pooled_extent(p.x.h, g.kernel_h, g.stride_h, g.pad_h, ceil),
           pooled_extent(p.x.w, g.kernel_w, g.stride_w, g.pad_w, ceil)};
    if (p.y.h > 0 && p.y.w > 0) return p;
  }
}

Launch max_pool(Fixture& f, Values values) {
  const Pooling p = draw_pooling(f);
  const Layout l = f.layout(p.x.c);
  const MaxPool k{f.input(p.x, l, values), f.output(p.y, l), f.byte_output(p.y, l), p.g};
  return [k](Stream& stream) { run(stream, k); };
}

/// Pools, then sends a gradient back through the switches.
Launch max_unpool(Fixture& f, Overlap overlap) {
  const Pooling p = draw_pooling(f);
  const Layout l = f.layout(p.x.c);
  const MaxPool down{f.input(p.x, l), f.output(p.y, l), f.byte_output(p.y, l), p.g};
  const MaxUnpool up{f.input(p.y, l), down.pick, f.output(p.x, l), p.g, overlap};
  return [down, up](Stream& stream) {
    run(stream, down);
    run(stream, up);
  };
}

Launch average_pool(Fixture& f, bool count_padding) {
  const Pooling p = draw_pooling(f);
  const Layout l = f.layout(p.x.c);
  const AveragePool down{f.input(p.x, l), f.output(p.y, l), p.g, count_padding};
  const AveragePoolBackward up{f.input(p.y, l), f.output(p.x, l), p.g, count_padding};
  return [down, up](Stream& stream) {
    run(stream, down);
    run(stream, up);
  };
}

Launch global_average(Fixture& f) {
  const Shape s = f.shape();
  const Shape v{s.n, s.c, 1, 1};
  const Layout l = f.layout(s.c);
  const GlobalAveragePool down{f.input(s, l), f.output(v, l)};
  const GlobalAveragePoolBackward up{f.input(v, l), f.output(s, l)};
  return [down, up](Stream& stream) {
    run(stream, down);
    run(stream, up);
  };
}

Launch global_max(Fixture& f, Values values) {
  const Shape s = f.shape();
  const Shape v{s.n, s.c, 1, 1};
  const Layout l = f.layout(s.c);
  const GlobalMaxPool down{f.input(s, l, values), f.output(v, l), f.int_output(v, l)};
  const GlobalMaxPoolBackward up{f.input(v, l), down.pick, f.output(s, l)};
  return [down, up](Stream& stream) {
    run(stream, down);
    run(stream, up);
  };
}

Launch template_mask(Fixture& f) {
  const Shape s = f.shape();
  const Shape v{s.n, s.c, 1, 1};
  const Layout l = f.layout(s.c);
  const GlobalMaxPool peaks{f.input(s, l), f.output(v, l), f.int_output(v, l)};
  const TemplateMask down{peaks.x, peaks.pick, f.output(s, l), 4.0f};
  const TemplateMaskBackward up{down.y, f.input(s, l), peaks.pick, f.output(s, l), 4.0f};
  return [peaks, down, up](Stream& stream) {
    run(stream, peaks);
    run(stream, down);
    run(stream, up);
  };
}

}  // namespace

void add_pool(Cases& cases) {
  const auto sparse = [&](const char* name, const auto& setup) {
    for (Case* c : add(cases, "pool", name, kExact, setup)) c->zeros = true;
  };
  add(cases, "pool", "max", kExact, [](Fixture& f) { return max_pool(f, Values::kSigned); });
  add(cases, "pool", "max of NaN and infinities", kExact,
      [](Fixture& f) { return max_pool(f, Values::kSpecial); });
  sparse("max unpool, add", [](Fixture& f) { return max_unpool(f, Overlap::kAdd); });
  sparse("max unpool, overwrite", [](Fixture& f) { return max_unpool(f, Overlap::kOverwrite); });
  // Windows may leave gaps between them.
  sparse("average", [](Fixture& f) { return average_pool(f, false); });
  sparse("average, padding counts", [](Fixture& f) { return average_pool(f, true); });
  add(cases, "pool", "global average", kExact, global_average);
  sparse("global max", [](Fixture& f) { return global_max(f, Values::kSigned); });
  sparse("template mask", template_mask);
  sparse("global max of NaN and infinities",
         [](Fixture& f) { return global_max(f, Values::kSpecial); });
}

}  // namespace parity
