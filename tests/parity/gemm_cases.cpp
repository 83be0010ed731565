#include "kernels/gemm.h"
#include "tests/parity/case.h"

namespace parity {
namespace {

using namespace cutaway::kernels;
using cutaway::Stream;

Launch gemm(Fixture& f, GemmEngine engine) {
  Gemm g;
  // The CPU side is always the reference: what is held to it is the engine of the other device.
  g.engine = f.device() == cutaway::kCpuDevice ? GemmEngine::kReference : engine;
  g.transpose_a = f.variant() % 2 == 1;
  g.transpose_b = f.variant() / 2 % 2 == 1;
  g.m = f.draw(1, 90);
  g.n = f.draw(1, 90);
  g.k = f.draw(0, 2) == 0 ? f.draw(1, 3000) : f.draw(1, 200);
  g.lda = (g.transpose_a ? g.m : g.k) + f.draw(0, 5);
  g.ldb = (g.transpose_b ? g.k : g.n) + f.draw(0, 5);
  g.ldc = g.n + f.draw(0, 5);
  g.a = f.numbers((g.transpose_a ? g.k : g.m) * g.lda);
  g.b = f.numbers((g.transpose_b ? g.n : g.k) * g.ldb);
  g.beta = f.draw(0, 2) == 0 ? 0.5f : 0.0f;
  // Rows may be longer than n: what lies between them must not change.
  g.c = f.changing_numbers(g.m * g.ldc);
  if (f.draw(0, 1) == 0) g.bias = f.numbers(g.n);
  g.relu = f.draw(0, 1) == 0;
  return [g](Stream& stream) { run(stream, g); };
}

}  // namespace

void add_gemm(Cases& cases) {
  const auto add_engine = [&](const char* name, GemmEngine engine) {
    for (Case* c : add(
             cases, "gemm", name, kSummed, [engine](Fixture& f) { return gemm(f, engine); }, 12)) {
      c->zeros = true;  // ReLU
    }
  };
  add_engine("library", GemmEngine::kLibrary);
  add_engine("reference", GemmEngine::kReference);
}

}  // namespace parity
