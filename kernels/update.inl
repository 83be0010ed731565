// Included by cpu/update.cpp and cuda/update.cu, after their for_each.
#include <cmath>

#include "kernels/update.h"

namespace cutaway::kernels {
namespace {

struct SgdUpdateAt {
  SgdUpdate k;

  CUTAWAY_HD void operator()(std::int64_t i) const {
    const float g = k.g[i] + k.weight_decay * k.w[i];
    const float v = k.momentum * k.v[i] + g;
    k.v[i] = v;
    k.w[i] -= k.rate * (k.nesterov ? g + k.momentum * v : v);
  }
};

struct AdamUpdateAt {
  AdamUpdate k;
  float correct1, correct2;  // 1 / (1 - beta^step)

  CUTAWAY_HD void operator()(std::int64_t i) const {
    const float g = k.g[i];
    const float m = k.beta1 * k.m[i] + (1.0f - k.beta1) * g;
    const float v = k.beta2 * k.v[i] + (1.0f - k.beta2) * g * g;
    k.m[i] = m;
    k.v[i] = v;
    const float w = k.w[i];
    k.w[i] = w - k.rate * (m * correct1 / (std::sqrt(v * correct2) + k.eps) + k.weight_decay * w);
  }
};

float correction(float beta, std::int64_t step) {
  return static_cast<float>(1.0 /
                            (1.0 - std::pow(static_cast<double>(beta), static_cast<double>(step))));
}

}  // namespace

void run(CUTAWAY_STREAM& s, const SgdUpdate& k) { for_each_index(s, k.count, SgdUpdateAt{k}); }

void run(CUTAWAY_STREAM& s, const AdamUpdate& k) {
  for_each_index(s, k.count,
                 AdamUpdateAt{k, correction(k.beta1, k.step), correction(k.beta2, k.step)}, 2);
}

}  // namespace cutaway::kernels
