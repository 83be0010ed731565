#include "explain/visualize/run/climber.h"

#include <algorithm>
#include <cstdio>

#include "explain/pictures/preprocess.h"
#include "explain/render/render.h"
#include "explain/visualize/image_ops.h"
#include "explain/visualize/layer_score.h"
#include "runtime/philox.h"
#include "runtime/progress.h"

namespace cutaway::explain {
namespace {

PixelSpace pixels_of(const weights::Preprocess& rule) {
  PixelSpace p;
  for (std::size_t c = 0; c < static_cast<std::size_t>(rule.channels()); ++c) {
    p.black.push_back(-rule.mean[c] / rule.std[c]);
    p.white.push_back((255.0f * rule.scale - rule.mean[c]) / rule.std[c]);
  }
  p.bgr = rule.order == weights::ColorOrder::kBgr;
  return p;
}

}  // namespace

double diversity_of_pairs(const VisualizeJob& job) {
  const auto n = static_cast<double>(job.variants);
  return job.diversity * n * (n - 1.0);
}

Climber::Climber(const VisualizeJob& job,
                 const weights::Package& package,
                 const RunContext& context)
    : job_(job),
      package_(package),
      context_(context),
      cancel_(context.observer),
      pixels_(pixels_of(package.preprocess)) {}

std::vector<Image> Climber::frames() const {
  std::vector<Image> all = frames_;
  // Frames of smaller octaves are not of the film's size.
  std::erase_if(all, [&](const Image& f) {
    return f.width != frames_.back().width || f.height != frames_.back().height;
  });
  return all;
}

Image Climber::image_of(const Tensor& picture, std::int64_t n) const {
  const weights::Preprocess& rule = package_.preprocess;
  if (!job_.settings.stretch) return deprocess(picture.ref().in(), n, rule);
  const Shape& s = picture.shape();
  const auto plane = static_cast<std::size_t>(s.plane()),
             size = plane * static_cast<std::size_t>(s.c);
  const auto x = picture.f32().subspan(static_cast<std::size_t>(n) * size, size);
  std::vector<float> levels(x.begin(), x.end());  // of grey, but for a factor
  for (std::size_t i = 0; i < size; ++i) levels[i] *= rule.std[i / plane];
  Reconstruction how;
  how.bgr = rule.order == weights::ColorOrder::kBgr;
  return reconstruct(levels, static_cast<int>(s.c), static_cast<int>(s.h), static_cast<int>(s.w),
                     how)
      .image;
}

Ascended Climber::climb(const Subject& subject) {
  frames_.clear();
  const std::int64_t total = job_.settings.steps() * std::max<std::int64_t>(1, job_.zoom_frames);
  Progress progress(context_.observer, subject.name, total);
  std::int64_t shown = 0;
  const Watch watch = [&](std::int64_t step, double value, const Tensor& picture) {
    throw_if_cancelled(context_.observer);
    char note[40];
    std::snprintf(note, sizeof note, "%.4g", value);
    if (shown < total && step > 0) {
      progress.add(1, note);
      ++shown;
    }
    if (job_.frame_every > 0 && job_.zoom_frames == 0 && step % job_.frame_every == 0) {
      frames_.push_back(image_of(picture, 0));
    }
    return true;
  };
  return climb(subject, watch);
}

Ascended Climber::climb(const Subject& subject, const Watch& watch) {
  const AscentSettings& s = job_.settings;
  if (s.mode == AscentMode::kDream) return climb_dream(subject, watch);
  const Shape shape = shape_of(job_, package_.model, subject.node).first;
  ObjectivePtr objective = subject.objective;
  if (job_.variants > 1) {
    objective = sum_objective(
        {{objective, 1.0f}, {diversity_objective(), static_cast<float>(diversity_of_pairs(job_))}});
  }
  LayerScore score(package_.model, subject.node, shape, context_.settings.stream(),
                   context_.settings.engines());
  score.set_observer(cancel_);
  switch (s.mode) {
    case AscentMode::kSimonyan:
      return ascend_simonyan(score, *objective, pixels_, s.simonyan, watch);
    case AscentMode::kYosinski:
      return ascend_yosinski(score, *objective, pixels_, s.yosinski, watch);
    case AscentMode::kPenalized:
      return ascend_penalized(score, *objective, pixels_, s.penalized, watch);
    default:
      return ascend_lucid(score, *objective, pixels_, shape, s.lucid, watch);
  }
}

Ascended Climber::climb_dream(const Subject& subject, const Watch& watch) {
  DreamOptions o = job_.settings.dream;
  Tensor start = start_of_dream();
  const auto once = [&] {
    return dream(package_.model, subject.node, start, *subject.objective, pixels_, o,
                 context_.settings.stream(), context_.settings.engines(), watch, cancel_);
  };
  Ascended result = once();
  for (std::int64_t k = 0; k < job_.zoom_frames; ++k) {
    frames_.push_back(image_of(result.picture, 0));
    if (k + 1 == job_.zoom_frames) break;
    start = zoom_in(result.picture, job_.zoom_share);
    ++o.seed;
    Ascended next = once();
    next.values.insert(next.values.begin(), result.values.begin(), result.values.end());
    result = std::move(next);
  }
  return result;
}

Tensor Climber::start_of_dream() const {
  if (!job_.picture.empty()) return photograph(job_, package_, job_.picture, true);
  Shape s = asked_shape(job_, package_.model.graph);  // grey noise
  s.n = 1;
  Tensor start = zeros(s);
  for (std::size_t i = 0; i < start.f32().size(); ++i) {
    start.f32()[i] =
        static_cast<float>(20.0 * pixels_.unit()) * normal(Philox{job_.settings.dream.seed, 6}, i);
  }
  return start;
}

}  // namespace cutaway::explain
