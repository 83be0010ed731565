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

}  // namespace

void add_update(Cases& cases) {
  add(cases, "update", "sgd", kExact, [](Fixture& f) { return sgd(f, false); });
  add(cases, "update", "sgd, nesterov", kExact, [](Fixture& f) { return sgd(f, true); });
  add(cases, "update", "adam", kExact, adam);
}

}  // namespace parity
