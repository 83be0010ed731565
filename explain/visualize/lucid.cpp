#include "explain/visualize/lucid.h"

#include <cmath>

#include "explain/visualize/climb.h"
#include "explain/visualize/fourier_image.h"
#include "explain/visualize/image_ops.h"
#include "explain/visualize/penalty.h"
#include "kernels/update.h"
#include "runtime/error.h"
#include "runtime/philox.h"

namespace cutaway::explain {
namespace {

/// x = black + v (white - black), channel by channel; the adjoint without the offset.
Tensor to_net(const Tensor& v, const PixelSpace& pixels, bool adjoint = false) {
  Tensor x = v.clone();
  const Shape& s = v.shape();
  const auto plane = static_cast<std::size_t>(s.plane());
  for (std::size_t i = 0; i < x.f32().size(); ++i) {
    const std::size_t c = i / plane % static_cast<std::size_t>(s.c);
    const float range = pixels.white[c] - pixels.black[c];
    x.f32()[i] = x.f32()[i] * range + (adjoint ? 0.0f : pixels.black[c]);
  }
  return x;
}

class Adam {
 public:
  Adam(const Shape& shape, double rate) : m_(zeros(shape)), v_(zeros(shape)), rate_(rate) {}
  /// Moves `w` against gradient `g`.
  void step(Tensor& w, const Tensor& g) {
    kernels::AdamUpdate update{};
    update.w = w.f32().data();
    update.g = g.f32().data();
    update.m = m_.f32().data();
    update.v = v_.f32().data();
    update.count = static_cast<std::int64_t>(w.f32().size());
    update.rate = static_cast<float>(rate_);
    update.beta1 = 0.9f;
    update.beta2 = 0.999f;
    update.eps = 1e-8f;
    update.step = ++steps_;
    CpuStream stream;
    kernels::run(stream, update);
  }

 private:
  Tensor m_, v_;
  double rate_;
  std::int64_t steps_{0};
};

/// The picture in [0, 1] as a function of what is optimised.
class Parameterization {
 public:
  Parameterization(const Shape& picture, const LucidOptions& o, bool bgr)
      : fourier_(picture, o.decorrelate, bgr), use_fourier_(o.fourier) {
    weights = zeros(use_fourier_ ? fourier_.coefficients() : picture);
    const Philox random{o.seed, 4};
    for (std::size_t i = 0; i < weights.f32().size(); ++i) {
      weights.f32()[i] = static_cast<float>(o.start_deviation) * normal(random, i);
    }
  }
  Tensor image() {
    if (use_fourier_) return fourier_.image(weights);
    image_ = weights.clone();
    for (float& v : image_.f32()) v = 1.0f / (1.0f + std::exp(-v));
    return image_.clone();
  }
  Tensor adjoint(const Tensor& d) const {
    if (use_fourier_) return fourier_.adjoint(d);
    Tensor g = d.clone();
    for (std::size_t i = 0; i < g.f32().size(); ++i)
      g.f32()[i] *= image_.f32()[i] * (1.0f - image_.f32()[i]);
    return g;
  }

  Tensor weights;

 private:
  FourierImage fourier_;
  bool use_fourier_;
  Tensor image_;
};

}  // namespace

Ascended ascend_lucid(LayerScore& score,
                      const Objective& objective,
                      const PixelSpace& pixels,
                      const Shape& picture,
                      const LucidOptions& o,
                      const Watch& watch) {
  Ascended result;
  const Shape& net = score.input();
  if (picture.n != net.n || picture.c != net.c) {
    throw Error(ErrorKind::kShape, "picture").expected(to_string(net)).got(to_string(picture));
  }
  Climber climber(score, objective, o.steps);
  Parameterization parameters(picture, o, pixels.bgr);
  Adam adam(parameters.weights.shape(), o.rate);
  for (std::int64_t step = 0; step < o.steps; ++step) {
    const Tensor image = parameters.image();
    const RobustTransform transform(o.robust, picture.h, picture.w, o.seed,
                                    static_cast<std::uint64_t>(step));
    const Tensor seen = transform.forward(image);
    // Centre crop or mid-grey padding, whatever it takes.
    const auto offset = [](std::int64_t have, std::int64_t want) {
      return have >= want ? (have - want) / 2 : -((want - have) / 2);
    };
    const std::int64_t top = offset(seen.shape().h, net.h), left = offset(seen.shape().w, net.w);
    const Tensor x = to_net(crop(seen, top, left, net.h, net.w, 0.5f), pixels);
    Tensor dx;
    const double value = climber.step(x, dx, step < o.rescue_steps);
    result.values.push_back(value);
    if (watch && !watch(step, value, to_net(image, pixels))) break;
    const Tensor dseen =
        crop_adjoint(to_net(dx, pixels, true), top, left, seen.shape().h, seen.shape().w);
    Tensor dimage = transform.adjoint(dseen);
    if (o.variation_weight != 0.0) {
      const double share = -o.variation_weight / static_cast<double>(picture.count());
      (void)anisotropic_variation(image, static_cast<float>(share), &dimage);
    }
    Tensor g = parameters.adjoint(dimage);
    for (float& v : g.f32()) v = -v;  // Adam descends
    adam.step(parameters.weights, g);
  }
  result.picture = to_net(parameters.image(), pixels);
  const std::int64_t top = (picture.h - net.h) / 2, left = (picture.w - net.w) / 2;
  const bool same = picture.h == net.h && picture.w == net.w;
  const Tensor last = same
                          ? result.picture.clone()
                          : to_net(crop(parameters.image(), top, left, net.h, net.w, 0.5f), pixels);
  result.values.push_back(climber.finish(last, result));
  if (watch)
    (void)watch(static_cast<std::int64_t>(result.values.size()) - 1, result.values.back(),
                result.picture);
  return result;
}

}  // namespace cutaway::explain
