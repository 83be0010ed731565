#include "kernels/softmax.h"
#include "tests/parity/case.h"

namespace parity {
namespace {

using namespace cutaway::kernels;
using cutaway::Stream;

Launch softmax(Fixture& f) {
  const Shape s = f.shape();
  const Layout l = f.layout(s.c);
  const Softmax down{f.input(s, l), f.output(s, l)};
  const SoftmaxBackward up{down.y, f.input(s, l), f.output(s, l)};
  return [down, up](Stream& stream) {
    run(stream, down);
    run(stream, up);
  };
}

Launch cross_entropy(Fixture& f, float smoothing, bool gradient) {
  const std::int32_t classes = f.draw(2, 1000);
  const Shape s{f.draw(1, 9), classes, 1, 1};
  const Layout l = f.layout(classes);
  const View<const float> x = f.input(s, l);
  const std::int32_t* labels = f.labels(s.n, classes);
  CrossEntropy k{x, labels, f.result_numbers(s.n), {}, smoothing};
  if (gradient) k.dx = f.output(s, l);
  return [k](Stream& stream) { run(stream, k); };
}

}  // namespace

void add_softmax(Cases& cases) {
  // A single channel has a gradient of zero.
  for (Case* c : add(cases, "softmax", "softmax", kTranscendental, softmax)) c->zeros = true;
  add(cases, "softmax", "cross entropy", kTranscendental,
      [](Fixture& f) { return cross_entropy(f, 0.0f, true); });
  add(cases, "softmax", "cross entropy, smoothed", kTranscendental,
      [](Fixture& f) { return cross_entropy(f, 0.1f, true); });
  add(cases, "softmax", "cross entropy, loss alone", kTranscendental,
      [](Fixture& f) { return cross_entropy(f, 0.0f, false); });
}

}  // namespace parity
