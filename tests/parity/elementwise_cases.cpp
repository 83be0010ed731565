#include "kernels/elementwise.h"
#include "tests/parity/case.h"

namespace parity {
namespace {

using namespace cutaway::kernels;
using cutaway::Stream;

/// The layout of the next or the one after: for conversions between two.
Layout other_layout(const Fixture& f, std::int64_t c) {
  const int other = (f.variant() + 1 + f.variant() / 3 % 2) % 3;
  if (other == 0) return cutaway::channels_last(c);
  return other == 1 ? cutaway::kPlain : cutaway::kBlocked16;
}

Launch relu_backward(Fixture& f, ReluRule rule) {
  const Shape s = f.shape();
  const Layout l = f.layout(s.c);
  const ReluBackward k{f.input(s, l), f.input(s, l), f.output(s, l), rule};
  return [k](Stream& stream) { run(stream, k); };
}

}  // namespace

void add_elementwise(Cases& cases) {
  for (Case* c : add(cases, "elementwise", "fill", kExact, [](Fixture& f) -> Launch {
         const Shape s = f.shape();
         const Fill k{f.output(s, f.layout(s.c)), 1.25f};
         return [k](Stream& stream) { run(stream, k); };
       })) {
    c->free_padding = true;
  }
  add(cases, "elementwise", "reorder", kExact, [](Fixture& f) -> Launch {
    const Shape s = f.shape();
    const Reorder k{f.input(s, f.layout(s.c)), f.output(s, other_layout(f, s.c))};
    return [k](Stream& stream) { run(stream, k); };
  });
  add(cases, "elementwise", "scale", kExact, [](Fixture& f) -> Launch {
    const Shape s = f.shape();
    const Layout l = f.layout(s.c);
    const Scale k{f.input(s, l, Values::kSpecial), f.output(s, l), -0.7f};
    return [k](Stream& stream) { run(stream, k); };
  });
  add(cases, "elementwise", "add", kExact, [](Fixture& f) -> Launch {
    const Shape s = f.shape();
    const Layout l = f.layout(s.c);
    const Add k{f.input(s, l), f.input(s, l), f.output(s, l), 0.3f, -1.7f};
    return [k](Stream& stream) { run(stream, k); };
  });
  add(cases, "elementwise", "scale by sign", kExact, [](Fixture& f) -> Launch {
    const Shape s = f.shape();
    const Layout l = f.layout(s.c);
    const ScaleBySign k{f.input(s, l, Values::kSpecial), f.output(s, l), 1.25f, -0.5f};
    return [k](Stream& stream) { run(stream, k); };
  });
  add(cases, "elementwise", "multiply and add", kExact, [](Fixture& f) -> Launch {
    const Shape s = f.shape();
    const Layout l = f.layout(s.c);
    const MultiplyAdd k{f.input(s, l), f.input(s, l), f.changing(s, l), -0.7f, true};
    return [k](Stream& stream) { run(stream, k); };
  });
  add(cases, "elementwise", "relevance quotient", kExact, [](Fixture& f) -> Launch {
    const Shape s = f.shape();
    const Layout l = f.layout(s.c);
    const RelevanceQuotient k{f.input(s, l), f.input(s, l), f.output(s, l), 0.25f};
    return [k](Stream& stream) { run(stream, k); };
  });
  add(cases, "elementwise", "add in place", kExact, [](Fixture& f) -> Launch {
    const Shape s = f.shape();
    const Layout l = f.layout(s.c);
    const View<float> y = f.changing(s, l);
    const Add k{f.input(s, l), y, y, 1.0f, 1.0f};
    return [k](Stream& stream) { run(stream, k); };
  });
  add(cases, "elementwise", "multiply", kExact, [](Fixture& f) -> Launch {
    const Shape s = f.shape();
    const Layout l = f.layout(s.c);
    const Multiply k{f.input(s, l), f.input(s, l), f.output(s, l)};
    return [k](Stream& stream) { run(stream, k); };
  });
  for (Case* c : add(cases, "elementwise", "relu", kExact, [](Fixture& f) -> Launch {
         const Shape s = f.shape();
         const Layout l = f.layout(s.c);
         const Relu k{f.input(s, l, Values::kSpecial), f.output(s, l)};
         return [k](Stream& stream) { run(stream, k); };
       })) {
    c->zeros = true;
  }
  for (Case* c : add(cases, "elementwise", "clip", kExact, [](Fixture& f) -> Launch {
         const Shape s = f.shape();
         const Layout l = f.layout(s.c);
         const Clip k{f.input(s, l, Values::kSpecial), f.output(s, l), -0.5f, 0.75f};
         return [k](Stream& stream) { run(stream, k); };
       })) {
    c->zeros = true;
  }
  for (Case* c : add(cases, "elementwise", "leaky relu", kExact, [](Fixture& f) -> Launch {
         const Shape s = f.shape();
         const Layout l = f.layout(s.c);
         const LeakyRelu k{f.input(s, l, Values::kSpecial), f.output(s, l), 0.25f};
         return [k](Stream& stream) { run(stream, k); };
       })) {
    c->zeros = true;
  }
  for (Case* c : add(cases, "elementwise", "clip guided", kExact, [](Fixture& f) -> Launch {
         const Shape s = f.shape();
         const Layout l = f.layout(s.c);
         const ClipBackward k{f.input(s, l), f.input(s, l), f.output(s, l),
                              -0.5f,         0.75f,         ReluRule::kGuided};
         return [k](Stream& stream) { run(stream, k); };
       })) {
    c->zeros = true;
  }
  for (Case* c : add(cases, "elementwise", "leaky relu guided", kExact, [](Fixture& f) -> Launch {
         const Shape s = f.shape();
         const Layout l = f.layout(s.c);
         const LeakyReluBackward k{f.input(s, l), f.input(s, l), f.output(s, l), 0.25f,
                                   ReluRule::kGuided};
         return [k](Stream& stream) { run(stream, k); };
       })) {
    c->zeros = true;
  }
  const auto backward = [&](const char* name, ReluRule rule) {
    for (Case* c : add(cases, "elementwise", name, kExact,
                       [rule](Fixture& f) { return relu_backward(f, rule); })) {
      c->zeros = true;
    }
  };
  backward("relu gradient", ReluRule::kGradient);
  backward("relu deconvnet", ReluRule::kDeconvnet);
  backward("relu guided", ReluRule::kGuided);
  for (Case* c : add(cases, "elementwise", "dropout", kExact, [](Fixture& f) -> Launch {
         const Shape s = f.shape();
         const Layout l = f.layout(s.c);
         const Dropout k{f.input(s, l), f.output(s, l), 0.5f, 77u, 3u};
         return [k](Stream& stream) { run(stream, k); };
       })) {
    c->zeros = true;
  }
}

}  // namespace parity
