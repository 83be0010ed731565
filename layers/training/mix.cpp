#include "layers/training/mix.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "runtime/philox.h"

namespace cutaway {
namespace {

// Streams of random numbers that belong to one step: which one is for what.
constexpr std::uint64_t kShares = 0x6d697875u, kPartners = 0x70617274u, kSquares = 0x63757430u;

double uniform53(const Philox& random, std::uint64_t at) {
  const Philox::Block b = random.block(at);
  const std::uint64_t wide = (std::uint64_t{b.v[0]} << 32) | b.v[1];
  return (static_cast<double>(wide >> 11) + 0.5) * 0x1p-53;
}

/// Gamma(alpha, 1) by Marsaglia and Tsang (2000); below 1 through Gamma(alpha + 1) u^(1 / alpha).
double gamma_draw(double alpha, const Philox& random, std::uint64_t& at) {
  if (alpha < 1.0) {
    const double u = uniform53(random, at++);
    return gamma_draw(alpha + 1.0, random, at) * std::pow(u, 1.0 / alpha);
  }
  const double d = alpha - 1.0 / 3.0, c = 1.0 / std::sqrt(9.0 * d);
  for (;;) {
    const auto x = static_cast<double>(normal(random, at++));
    const double v = std::pow(1.0 + c * x, 3.0), u = uniform53(random, at++);
    if (v > 0.0 && std::log(u) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

}  // namespace

float mixup_share(float alpha, std::uint64_t seed, std::uint64_t step) {
  const Philox random{seed ^ (kShares << 32), step};
  std::uint64_t at = 0;
  const double a = gamma_draw(double{alpha}, random, at);
  const double b = gamma_draw(double{alpha}, random, at);
  return a + b > 0.0 ? static_cast<float>(a / (a + b)) : 0.5f;
}

MixedLabels mix_batch(Tensor& images,
                      std::span<const std::int32_t> labels,
                      float alpha,
                      std::uint64_t seed,
                      std::uint64_t step) {
  const float share = mixup_share(alpha, seed, step);
  const Philox random{seed ^ (kPartners << 32), step};
  std::vector<std::size_t> partner(labels.size());
  std::iota(partner.begin(), partner.end(), std::size_t{0});
  for (std::size_t i = partner.size(); i > 1; --i)
    std::swap(partner[i - 1], partner[random.block(i).v[0] % i]);
  MixedLabels mixed;
  const Tensor before = images.clone();
  const std::size_t size = images.f32().size() / std::max<std::size_t>(1, labels.size());
  for (std::size_t n = 0; n < labels.size(); ++n) {
    const std::span<const float> own = before.f32().subspan(n * size, size);
    const std::span<const float> other = before.f32().subspan(partner[n] * size, size);
    const std::span<float> to = images.f32().subspan(n * size, size);
    for (std::size_t i = 0; i < size; ++i) to[i] = (1.0f - share) * own[i] + share * other[i];
    mixed.other.push_back(labels[partner[n]]);
    mixed.share.push_back(share);
  }
  return mixed;
}

void cut_out(Tensor& images, std::int64_t side, std::uint64_t seed, std::uint64_t step) {
  const View<float> x = images.ref().out();
  const Philox random{seed ^ (kSquares << 32), step};
  for (std::int64_t n = 0; n < x.shape.n; ++n) {
    const Philox::Block b = random.block(static_cast<std::uint64_t>(n));
    const std::int64_t top =
        static_cast<std::int64_t>(b.v[0] % static_cast<std::uint32_t>(x.shape.h)) - side / 2;
    const std::int64_t left =
        static_cast<std::int64_t>(b.v[1] % static_cast<std::uint32_t>(x.shape.w)) - side / 2;
    const std::int64_t bottom = std::min(x.shape.h, top + side),
                       right = std::min(x.shape.w, left + side);
    for (std::int64_t c = 0; c < x.shape.c; ++c) {
      for (std::int64_t h = std::max<std::int64_t>(0, top); h < bottom; ++h) {
        for (std::int64_t w = std::max<std::int64_t>(0, left); w < right; ++w)
          x.at(n, c, h, w) = 0.0f;
      }
    }
  }
}

}  // namespace cutaway
