#include "tools/measuring/peak.h"

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace cutaway::tools {
namespace {

#if defined(__AVX512F__)
constexpr std::size_t kWidth = 16;
#elif defined(__AVX__)
constexpr std::size_t kWidth = 8;
#else
constexpr std::size_t kWidth = 4;
#endif
typedef float Vec __attribute__((vector_size(4 * kWidth)));

// Enough chains to hide the latency of a multiply-add (4 cycles) on two ports, few enough for 16
// registers.
constexpr int kChains = 12;
constexpr long kSteps = 1 << 20;

__attribute__((optimize("fp-contract=fast"), noinline)) float spin(float start) {
  Vec sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = Vec{} + start + static_cast<float>(i);
  const Vec factor = Vec{} + 0.999f;
  const Vec term = Vec{} + 0.001f;
  for (long step = 0; step < kSteps; ++step) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) sums[i] = sums[i] * factor + term;
  }
  float total = 0.0f;
  for (int i = 0; i < kChains; ++i) total += sums[i][0];
  return total;
}

}  // namespace

double measured_peak_gflops(int threads) {
  double best = 0.0;
  float sink = 0.0f;
  for (int round = 0; round < 5; ++round) {
    const auto start = std::chrono::steady_clock::now();
#pragma omp parallel num_threads(threads) reduction(+ : sink)
    sink += spin(1.0f);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    const double flops = 2.0 * kWidth * kChains * static_cast<double>(kSteps) * threads;
    best = std::max(best, flops / took.count() * 1e-9);
  }
  // The sum is finite by construction; using it keeps the loop.
  return sink == 12345.678f ? 0.0 : best;
}

}  // namespace cutaway::tools
