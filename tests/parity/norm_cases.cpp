#include "kernels/norm.h"
#include "tests/parity/case.h"

namespace parity {
namespace {

using namespace cutaway::kernels;
using cutaway::Stream;

/// Floats an array over channels has room for: a whole number of lanes.
std::int64_t room(std::int64_t c) { return cutaway::round_up(c, 16); }

LrnParameters draw_lrn(Fixture& f) {
  return {2 * f.draw(0, 3) + 1, 0.5f, f.draw(0, 1) == 0 ? 0.75f : 0.5f,
          f.draw(0, 1) == 0 ? 1.0f : 2.0f};
}

Launch lrn(Fixture& f) {
  const Shape s = f.shape();
  const Layout l = f.layout(s.c);
  const LrnParameters p = draw_lrn(f);
  const View<const float> x = f.input(s, l);
  const Lrn down{x, f.output(s, l), p};
  const LrnBackward up{x, f.input(s, l), f.output(s, l), p};
  return [down, up](Stream& stream) {
    run(stream, down);
    run(stream, up);
  };
}

Launch affine(Fixture& f) {
  const Shape s = f.shape();
  const Layout l = f.layout(s.c);
  const float* shift = f.draw(0, 2) == 0 ? nullptr : f.numbers(room(s.c));
  const ChannelAffine k{f.input(s, l), f.output(s, l), f.numbers(room(s.c)), shift};
  return [k](Stream& stream) { run(stream, k); };
}

Launch moments(Fixture& f) {
  const Shape s = f.shape();
  const View<const float> x = f.input(s, f.layout(s.c));
  auto* scratch = reinterpret_cast<double*>(f.scratch(channel_moments_scratch_bytes(x)));
  const ChannelMoments k{x, f.result_numbers(s.c), f.result_numbers(s.c), scratch};
  return [k](Stream& stream) { run(stream, k); };
}

Launch sums(Fixture& f, bool products) {
  const Shape s = f.shape();
  const Layout l = f.layout(s.c);
  const View<const float> dy = f.input(s, l);
  auto* scratch = reinterpret_cast<double*>(f.scratch(channel_sums_scratch_bytes(dy)));
  ChannelSums k{dy, {}, nullptr, f.result_numbers(s.c), nullptr, scratch};
  if (products) {
    k.x = f.input(s, l);
    k.center = f.numbers(room(s.c));
    k.sum_product = f.result_numbers(s.c);
  }
  return [k](Stream& stream) { run(stream, k); };
}

Launch batch_norm_backward(Fixture& f) {
  const Shape s = f.shape();
  const Layout l = f.layout(s.c);
  const auto vector = [&](Values v = Values::kSigned) { return f.numbers(room(s.c), v); };
  const View<const float> x = f.input(s, l), dy = f.input(s, l);
  const View<float> dx = f.output(s, l);
  const float *gamma = vector(), *mean = vector(), *variance = vector(Values::kPositive);
  const float *sum_dy = vector(), *sum_dy_xc = vector();
  const BatchNormBackward k{x, dy, dx, gamma, mean, variance, sum_dy, sum_dy_xc, 1e-5f};
  return [k](Stream& stream) { run(stream, k); };
}

Launch batch_norm_fold(Fixture& f) {
  const std::int64_t c = f.draw(1, 300);
  const float *gamma = f.numbers(c), *beta = f.numbers(c), *mean = f.numbers(c);
  const float* variance = f.numbers(c, Values::kPositive);
  const BatchNormFold k{gamma, beta, mean, variance, f.result_numbers(c), f.result_numbers(c),
                        1e-5f, c};
  return [k](Stream& stream) { run(stream, k); };
}

}  // namespace

void add_norm(Cases& cases) {
  add(cases, "norm", "lrn", kTranscendental, lrn);
  add(cases, "norm", "channel affine", kExact, affine);
  add(cases, "norm", "channel moments", kExact, moments);
  add(cases, "norm", "channel sums", kExact, [](Fixture& f) { return sums(f, false); });
  add(cases, "norm", "channel sums of products", kExact, [](Fixture& f) { return sums(f, true); });
  add(cases, "norm", "batch norm backward", kExact, batch_norm_backward);
  add(cases, "norm", "batch norm fold", kExact, batch_norm_fold);
}

}  // namespace parity
