#include "kernels/update.h"
#include "tests/parity/case.h"

namespace parity {
namespace {

using namespace cutaway::kernels;
using cutaway::Stream;

Launch sgd(Fixture& f, bool nesterov) {
  const std::int64_t count = f.draw(1, 5000);
  float* w = f.changing_numbers(count);
  const float* g = f.numbers(count);
  float* v = f.changing_numbers(count);
  const SgdUpdate k{w, g, v, count, 0.1f, 0.9f, 5e-4f, nesterov};
  return [k](Stream& stream) { run(stream, k); };
}

Launch adam(Fixture& f) {
  const std::int64_t count = f.draw(1, 5000);
  float* w = f.changing_numbers(count);
  const float* g = f.numbers(count);
  float* m = f.changing_numbers(count);
  float* v = f.changing_numbers(count, Values::kPositive);
  const AdamUpdate k{w, g, m, v, count, 1e-3f, 0.9f, 0.999f, 1e-8f, 1e-2f, f.draw(1, 100)};
  return [k](Stream& stream) { run(stream, k); };
}

Launch clipped(Fixture& f) {
  const std::int64_t count = f.draw(1, 5000);
  float* w = f.changing_numbers(count);
  const float* g = f.numbers(count);
  SgdUpdate sgd{w, g, f.changing_numbers(count), count, 0.1f, 0.9f, 5e-4f};
  sgd.scale = 0.7f;
  sgd.clip = 0.3f;
  AdamUpdate adam{f.changing_numbers(count),
                  g,
                  f.changing_numbers(count),
                  f.changing_numbers(count, Values::kPositive),
                  count,
                  1e-3f,
                  0.9f,
                  0.999f,
                  1e-8f,
                  1e-2f,
                  3};
  adam.l2 = true;
  adam.scale = 0.7f;
  adam.clip = 0.3f;
  return [sgd, adam](Stream& stream) {
    run(stream, sgd);
    run(stream, adam);
  };
}

Launch average(Fixture& f) {
  const std::int64_t count = f.draw(1, 5000);
  const MovingAverage k{f.numbers(count), f.changing_numbers(count), count, 0.99f};
  return [k](Stream& stream) { run(stream, k); };
}

Launch renormalize(Fixture& f) {
  const std::int64_t filters = f.draw(1, 40), size = f.draw(1, 200);
  const Shape marks{1, filters, 1, 1};
  const RenormalizeFilters k{f.changing_numbers(filters * size), filters, size, 0.5,
                             f.int_output(marks, cutaway::kPlain).data};
  return [k](Stream& stream) { run(stream, k); };
}

}  // namespace

void add_update(Cases& cases) {
  add(cases, "update", "sgd", kExact, [](Fixture& f) { return sgd(f, false); });
  add(cases, "update", "sgd, nesterov", kExact, [](Fixture& f) { return sgd(f, true); });
  add(cases, "update", "adam", kExact, adam);
  add(cases, "update", "clipped gradients", kExact, clipped);
  add(cases, "update", "moving average", kExact, average);
  // Scales by a quotient of doubles; which filters are scaled could differ only at the radius
  // itself.
  for (Case* c : add(cases, "update", "renormalised filters", kExact, renormalize)) c->zeros = true;
}

}  // namespace parity
