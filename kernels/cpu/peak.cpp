#include "kernels/peak.h"

#include "kernels/cpu/level.h"
#include "kernels/cpu/simd.h"

namespace cutaway::kernels {

double multiply_adds(ThisLevel, float start, float& sum) {
  // Enough chains to hide the latency of a multiply-add (4 cycles) on two ports, few enough for 16
  // registers.
  constexpr int kChains = 12;
  constexpr long kSteps = 1 << 20;
  Vec sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = broadcast(start + static_cast<float>(i));
  const Vec factor = broadcast(0.999f), term = broadcast(0.001f);
  for (long step = 0; step < kSteps; ++step) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) sums[i] = fmadd(sums[i], factor, term);
  }
  sum = 0.0f;
  for (const Vec& v : sums) sum += v[0];
  return 2.0 * kVecWidth * kChains * static_cast<double>(kSteps);
}

}  // namespace cutaway::kernels
