#include "tools/measuring/peak.h"

#include <algorithm>
#include <chrono>

#include "kernels/peak.h"

namespace cutaway::tools {

double measured_peak_gflops(int threads) {
  double best = 0.0;
  float sink = 0.0f;
  for (int round = 0; round < 5; ++round) {
    const auto start = std::chrono::steady_clock::now();
    double flops = 0.0;
#pragma omp parallel num_threads(threads) reduction(+ : sink, flops)
    {
      float sum = 0.0f;
      flops += kernels::multiply_adds(1.0f, sum);
      sink += sum;
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    best = std::max(best, flops / took.count() * 1e-9);
  }
  // The sum is finite by construction; using it keeps the loop.
  return sink == 12345.678f ? 0.0 : best;
}

}  // namespace cutaway::tools
