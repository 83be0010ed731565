#include "explain/visualize/dream.h"

#include <algorithm>
#include <cmath>

#include "explain/visualize/climb.h"
#include "explain/visualize/image_ops.h"
#include "runtime/error.h"
#include "runtime/philox.h"

namespace cutaway::explain {
namespace {

void add(Tensor& x, const Tensor& y, float weight) {
  for (std::size_t i = 0; i < x.f32().size(); ++i) x.f32()[i] += weight * y.f32()[i];
}

void clip(Tensor& x, const PixelSpace& pixels) {
  const auto plane = static_cast<std::size_t>(x.shape().plane());
  for (std::size_t i = 0; i < x.f32().size(); ++i) {
    const std::size_t c = i / plane % pixels.black.size();
    x.f32()[i] = std::clamp(x.f32()[i], pixels.low(c), pixels.high(c));
  }
}

}  // namespace

double dream_step(LayerScore& score,
                  const Objective& objective,
                  Tensor& x,
                  double rate,
                  std::int64_t down,
                  std::int64_t right) {
  Tensor g;
  const double value = score.ascend(roll(x, down, right), objective, g);
  const double size = mean_magnitude(g);
  if (size > 0.0) add(x, roll(g, -down, -right), static_cast<float>(rate / size));
  return value;
}

Tensor zoom_in(const Tensor& picture, double share) {
  const Shape& s = picture.shape();
  const auto border = [&](std::int64_t extent) {
    return static_cast<std::int64_t>(std::round(share * static_cast<double>(extent) / 2.0));
  };
  const std::int64_t top = border(s.h), left = border(s.w);
  if (2 * top >= s.h || 2 * left >= s.w)
    throw Error(ErrorKind::kUsage, "share of the zoom").expected("below 1");
  return zoom(crop(picture, top, left, s.h - 2 * top, s.w - 2 * left), s.h, s.w);
}

Ascended dream(const Model& model,
               NodeId node,
               const Tensor& start,
               const Objective& objective,
               const PixelSpace& pixels,
               const DreamOptions& o,
               Stream stream,
               const kernels::EngineOptions& engines,
               const Watch& watch,
               Observer& observer) {
  std::vector<Tensor> bases;
  bases.push_back(start.clone());
  for (std::int64_t k = 1; k < o.octaves; ++k) {
    const Shape& s = bases.back().shape();
    const auto smaller = [&](std::int64_t n) {
      return static_cast<std::int64_t>(std::round(static_cast<double>(n) / o.octave_scale));
    };
    bases.push_back(zoom(bases.back(), smaller(s.h), smaller(s.w)));
  }
  const Philox random{o.seed, 5};
  Ascended result;
  Tensor detail;
  std::uint64_t drawn = 0;
  const auto shift = [&] {
    return static_cast<std::int64_t>(random.uniform(drawn++) *
                                     static_cast<float>(2 * o.jitter + 1)) -
           o.jitter;
  };
  bool stopped = false;
  for (std::size_t k = bases.size(); k-- > 0 && !stopped;) {
    const Tensor& base = bases[k];
    const Shape& s = base.shape();
    Tensor x = base.clone();
    if (!detail.empty()) add(x, zoom(detail, s.h, s.w), 1.0f);
    LayerScore score(model, node, s, stream, engines);
    CancelOnly cancel(observer);
    score.set_observer(cancel);
    for (std::int64_t step = 0; step < o.steps && !stopped; ++step) {
      const std::int64_t down = shift(), right = shift();
      result.values.push_back(dream_step(score, objective, x, o.rate * pixels.unit(), down, right));
      observer.progress("ascent", static_cast<double>(result.values.size()),
                        static_cast<double>(o.octaves * o.steps));
      if (o.clip) clip(x, pixels);
      stopped =
          watch && !watch(static_cast<std::int64_t>(result.values.size()), result.values.back(), x);
    }
    if (k == 0 || stopped) {
      Climber last(score, objective, 0);
      (void)last.finish(x, result);
      result.picture = std::move(x);
    } else {
      detail = std::move(x);
      add(detail, base, -1.0f);
    }
  }
  return result;
}

}  // namespace cutaway::explain
