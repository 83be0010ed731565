#include "kernels/group_norm.h"
#include "tests/parity/case.h"

namespace parity {
namespace {

using namespace cutaway::kernels;
using cutaway::Stream;

std::int64_t draw_groups(Fixture& f, std::int64_t channels) {
  const std::int64_t wanted = f.draw(1, 6);
  if (f.draw(0, 3) == 0) return channels;
  for (std::int64_t g = wanted; g > 1; --g) {
    if (channels % g == 0) return g;
  }
  return 1;
}

Launch group_norm(Fixture& f) {
  const Shape s = f.shape();
  const Layout l = f.layout(s.c);
  const std::int64_t groups = draw_groups(f, s.c);
  const View<const float> x = f.input(s, l), dy = f.input(s, l);
  float *mean = f.result_numbers(s.n * groups), *scale = f.result_numbers(s.n * groups);
  auto* scratch = reinterpret_cast<double*>(f.scratch(group_norm_backward_bytes(dy, groups)));
  const float* gamma = f.draw(0, 2) == 0 ? nullptr : f.numbers(s.c);
  const float* beta = f.numbers(s.c);
  const GroupMoments moments{x, groups, 1e-3F, mean, scale, scratch};
  const GroupNorm up{x, f.output(s, l), groups, mean, scale, gamma, beta};
  const GroupNormBackward down{x,
                               dy,
                               f.output(s, l),
                               groups,
                               mean,
                               scale,
                               gamma,
                               f.result_numbers(s.c),
                               f.result_numbers(s.c),
                               scratch};
  return [moments, up, down](Stream& stream) {
    run(stream, moments);
    run(stream, up);
    run(stream, down);
  };
}

Launch layer_norm(Fixture& f) {
  const Shape s = f.shape();
  const Layout l = f.layout(s.c);
  const View<const float> x = f.input(s, l), dy = f.input(s, l);
  const float* gamma = f.draw(0, 2) == 0 ? nullptr : f.numbers(s.c);
  const float* beta = f.numbers(s.c);
  const LayerNorm up{x, f.output(s, l), gamma, beta, 1e-3F};
  const LayerNormBackward down{x, dy, f.output(s, l), f.output(s, l), gamma, 1e-3F};
  const LayerNormBackward normal{x, dy, {}, f.output(s, l), gamma, 1e-3F};
  return [up, down, normal](Stream& stream) {
    run(stream, up);
    run(stream, down);
    run(stream, normal);
  };
}

}  // namespace

// Square roots are correctly rounded on both devices, and sums have a fixed order: the same bits.
void add_group_norm(Cases& cases) {
  // A single value has no spread: the normalised ones are zeros.
  for (Case* c : add(cases, "group norm", "group norm", kExact, group_norm)) c->zeros = true;
  for (Case* c : add(cases, "group norm", "layer norm", kExact, layer_norm)) c->zeros = true;
}

}  // namespace parity
