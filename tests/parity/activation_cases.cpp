#include "kernels/activation.h"
#include "tests/parity/case.h"

namespace parity {
namespace {

using namespace cutaway::kernels;
using cutaway::Stream;

struct Named {
  const char *name, *down;
  ActivationFunction f;
};
constexpr Named kFunctions[] = {
    {"sigmoid", "sigmoid gradient", {Activation::kSigmoid}},
    {"hard sigmoid", "hard sigmoid gradient", {Activation::kHardSigmoid, 0.7F, 0.5F}},
    {"tanh", "tanh gradient", {Activation::kTanh}},
    {"softsign", "softsign gradient", {Activation::kSoftsign}},
    {"silu", "silu gradient", {Activation::kSilu, 1.25F}},
    {"hard swish", "hard swish gradient", {Activation::kHardSwish}},
    {"elu", "elu gradient", {Activation::kElu, 1.5F, 0.75F}},
    {"gelu", "gelu gradient", {Activation::kGelu}},
    {"gelu by tanh", "gelu by tanh gradient", {Activation::kGeluTanh}},
    {"mish", "mish gradient", {Activation::kMish}},
    {"softplus", "softplus gradient", {Activation::kSoftplus, 1.5F}},
    {"erf", "erf gradient", {Activation::kErf}},
};

}  // namespace

// No function of a mathematics library is called, so both devices give the same bits.
void add_activation(Cases& cases) {
  for (const Named& named : kFunctions) {
    const ActivationFunction f = named.f;
    for (Case* c : add(cases, "activation", named.name, kExact, [f](Fixture& x) -> Launch {
           const Shape s = x.shape();
           const Layout l = x.layout(s.c);
           const Activate k{x.input(s, l, Values::kSpecial), x.output(s, l), f};
           return [k](Stream& stream) { run(stream, k); };
         })) {
      c->zeros = true;
    }
    for (Case* c : add(cases, "activation", named.down, kExact, [f](Fixture& x) -> Launch {
           const Shape s = x.shape();
           const Layout l = x.layout(s.c);
           const ReluRule rule = x.draw(0, 1) == 0 ? ReluRule::kGradient : ReluRule::kGuided;
           const ActivateBackward k{x.input(s, l), x.input(s, l), x.output(s, l), f, rule};
           return [k](Stream& stream) { run(stream, k); };
         })) {
      c->zeros = true;
    }
  }
  add(cases, "activation", "prelu", kExact, [](Fixture& f) -> Launch {
    const Shape s = f.shape();
    const Layout l = f.layout(s.c);
    const View<const float> x = f.input(s, l);
    const float* slope = f.numbers(s.c);
    const PRelu up{x, f.output(s, l), slope};
    const PReluBackward down{x, f.input(s, l), f.output(s, l), slope};
    return [up, down](Stream& stream) {
      run(stream, up);
      run(stream, down);
    };
  });
}

}  // namespace parity
