// Included by cpu/update.cpp and cuda/update.cu, after their for_each.
#include <cmath>

#include "kernels/update.h"

namespace cutaway::kernels {
namespace {

/// The gradient that an update works with.
CUTAWAY_HD inline float gradient(float stored, float scale, float clip) {
  const float g = stored * scale;
  if (!(clip > 0.0f)) return g;
  // A comparison that NaN fails leaves NaN as it is.
  return g > clip ? clip : (g < -clip ? -clip : g);
}

struct SgdUpdateAt {
  SgdUpdate k;

  CUTAWAY_HD void operator()(std::int64_t i) const {
    const float g = gradient(k.g[i], k.scale, k.clip) + k.weight_decay * k.w[i];
    const float v = k.momentum * k.v[i] + g;
    k.v[i] = v;
    k.w[i] -= k.rate * (k.nesterov ? g + k.momentum * v : v);
  }
};

struct AdamUpdateAt {
  AdamUpdate k;
  float correct1, correct2;  // 1 / (1 - beta^step)

  CUTAWAY_HD void operator()(std::int64_t i) const {
    const float w = k.w[i];
    const float g = gradient(k.g[i], k.scale, k.clip) + (k.l2 ? k.weight_decay * w : 0.0f);
    const float m = k.beta1 * k.m[i] + (1.0f - k.beta1) * g;
    const float v = k.beta2 * k.v[i] + (1.0f - k.beta2) * g * g;
    k.m[i] = m;
    k.v[i] = v;
    const float decay = k.l2 ? 0.0f : k.weight_decay * w;
    k.w[i] = w - k.rate * (m * correct1 / (std::sqrt(v * correct2) + k.eps) + decay);
  }
};

struct MovingAverageAt {
  MovingAverage k;

  CUTAWAY_HD void operator()(std::int64_t i) const {
    k.a[i] = k.decay * k.a[i] + (1.0f - k.decay) * k.w[i];
  }
};

struct SquareSumAt {
  SquareSum k;

  CUTAWAY_HD void operator()(std::int64_t piece) const {
    const std::int64_t first = piece * kSquareSumPiece;
    const std::int64_t end = first + kSquareSumPiece < k.count ? first + kSquareSumPiece : k.count;
    double lanes[8] = {};  // a fixed order that a vector unit can follow
    std::int64_t i = first;
    for (; i + 8 <= end; i += 8) {
      for (int l = 0; l < 8; ++l) {
        const auto x = static_cast<double>(k.x[i + l]);
        lanes[l] += x * x;
      }
    }
    double sum = ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) +
                 ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
    for (; i < end; ++i) sum += static_cast<double>(k.x[i]) * static_cast<double>(k.x[i]);
    k.sums[piece] = sum;
  }
};

struct RenormalizeFiltersAt {
  RenormalizeFilters k;

  CUTAWAY_HD void operator()(std::int64_t filter) const {
    float* w = k.w + filter * k.size;
    double sum = 0.0;
    for (std::int64_t i = 0; i < k.size; ++i) {
      sum += static_cast<double>(w[i]) * static_cast<double>(w[i]);
    }
    const double rms = std::sqrt(sum / static_cast<double>(k.size));
    // A filter brought to the radius may be above it by rounding.
    const bool over = rms > k.radius * (1.0 + 1e-6);
    k.scaled[filter] = over ? 1 : 0;
    if (!over) return;
    for (std::int64_t i = 0; i < k.size; ++i)
      w[i] = static_cast<float>(static_cast<double>(w[i]) * k.radius / rms);
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

void run(CUTAWAY_STREAM& s, const MovingAverage& k) {
  for_each_index(s, k.count, MovingAverageAt{k});
}

void run(CUTAWAY_STREAM& s, const SquareSum& k) {
  for_each_index(s, square_sum_pieces(k.count), SquareSumAt{k}, kSquareSumPiece);
}

void run(CUTAWAY_STREAM& s, const RenormalizeFilters& k) {
  for_each_index(s, k.filters, RenormalizeFiltersAt{k}, 3 * k.size);
}

}  // namespace cutaway::kernels
