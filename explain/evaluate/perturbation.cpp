#include "explain/evaluate/perturbation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "explain/class_probability.h"
#include "runtime/error.h"
#include "runtime/philox.h"

namespace cutaway::explain {
namespace {

/// Squares of a plane, those at the border cut off.
struct Patches {
  std::int64_t height, width, side;
  [[nodiscard]] std::int64_t across() const { return (width + side - 1) / side; }
  [[nodiscard]] std::int64_t count() const { return across() * ((height + side - 1) / side); }
  template <class Body>  // body(pixel)
  void each_pixel(std::int64_t patch, const Body& body) const {
    const std::int64_t top = patch / across() * side, left = patch % across() * side;
    for (std::int64_t i = top; i < std::min(top + side, height); ++i) {
      for (std::int64_t j = left; j < std::min(left + side, width); ++j) {
        body(static_cast<std::size_t>(i * width + j));
      }
    }
  }
};

double score_of(std::span<const float> scores, std::int64_t target, const CurveRequest& request) {
  return request.score == ScoreKind::kLogit
             ? static_cast<double>(scores[static_cast<std::size_t>(target)])
             : class_probability(scores, target, request.head);
}

/// A task with all that its samples are made from.
struct Curve {
  const CurveTask* task;
  Patches patches;
  std::int64_t step, steps;
  std::vector<std::int64_t> order;
  Tensor from, to;
  PerturbationCurve result;

  [[nodiscard]] std::int64_t changed(std::int64_t step_number) const {
    return std::min(step_number * step, static_cast<std::int64_t>(order.size()));
  }
  void make_sample(std::int64_t step_number, std::span<float> values) const {
    std::ranges::copy(from.f32(), values.begin());
    const auto plane = static_cast<std::size_t>(patches.height * patches.width);
    for (std::int64_t k = 0; k < changed(step_number); ++k) {
      patches.each_pixel(order[static_cast<std::size_t>(k)], [&](std::size_t pixel) {
        for (std::size_t at = pixel; at < values.size(); at += plane) values[at] = to.f32()[at];
      });
    }
  }
  void finish() {
    std::size_t pixels = 0, done = 0;
    const auto count = [&](std::int64_t step_number) {
      for (; done < static_cast<std::size_t>(changed(step_number)); ++done) {
        patches.each_pixel(order[done], [&](std::size_t) { ++pixels; });
      }
      return static_cast<double>(pixels) / static_cast<double>(patches.height * patches.width);
    };
    for (std::int64_t k = 0; k <= steps; ++k) result.fraction.push_back(count(k));
    result.area = curve_area(result.score);
    for (std::size_t k = 1; k < result.score.size(); ++k) {
      result.trapezoid += 0.5 * (result.score[k] + result.score[k - 1]) *
                          (result.fraction[k] - result.fraction[k - 1]);
    }
  }
};

Curve make_curve(const CurveTask& task, const Tensor& picture) {
  const Shape& s = picture.shape();
  const CurveRequest& r = task.request;
  if (r.step < 0 || r.patch < 1) {
    throw Error(ErrorKind::kUsage, "perturbation curve")
        .expected("a patch of at least 1 pixel and no negative step");
  }
  Curve c{
      &task,           {s.h, s.w, r.patch},     0, 0, change_order(task.importance, s.h, s.w, r),
      picture.clone(), filled(picture, r.fill), {}};
  c.step = r.step > 0 ? r.step : s.w;
  c.steps = (c.patches.count() + c.step - 1) / c.step;
  if (r.insertion) std::swap(c.from, c.to);
  return c;
}

void check_picture(const Evaluator& evaluator, const Tensor& picture) {
  if (picture.shape() == evaluator.input_shape()) return;
  throw Error(ErrorKind::kShape, "picture to perturb")
      .expected(to_string(evaluator.input_shape()))
      .got(to_string(picture.shape()));
}

}  // namespace

CurveRequest deletion() { return {}; }

CurveRequest insertion() {
  CurveRequest request;
  request.insertion = true;
  request.fill.kind = FillKind::kBlur;
  return request;
}

double curve_area(std::span<const double> scores) {
  if (scores.size() < 2) throw Error(ErrorKind::kUsage, "curve").expected("at least two scores");
  const double sum = std::accumulate(scores.begin(), scores.end(), 0.0);
  return (sum - 0.5 * scores.front() - 0.5 * scores.back()) /
         static_cast<double>(scores.size() - 1);
}

std::vector<std::int64_t> change_order(std::span<const float> importance,
                                       std::int64_t height,
                                       std::int64_t width,
                                       const CurveRequest& request) {
  if (static_cast<std::int64_t>(importance.size()) != height * width) {
    throw Error(ErrorKind::kShape, "importance of pixels")
        .expected(std::to_string(height * width) + " values")
        .got(std::to_string(importance.size()));
  }
  const Patches patches{height, width, request.patch};
  std::vector<std::int64_t> order(static_cast<std::size_t>(patches.count()));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  if (request.order == PixelOrder::kRandom) {
    const Philox random{request.seed, 0};
    for (std::size_t i = order.size(); i > 1; --i) {
      std::swap(order[i - 1], order[random.word(i) % i]);
    }
    return order;
  }
  std::vector<double> value(order.size());
  for (std::size_t k = 0; k < order.size(); ++k) {
    double sum = 0.0, pixels = 0.0;
    patches.each_pixel(order[k], [&](std::size_t p) {
      sum += static_cast<double>(importance[p]);
      pixels += 1.0;
    });
    value[k] = std::isnan(sum) ? -std::numeric_limits<double>::infinity() : sum / pixels;
  }
  const bool most = request.order == PixelOrder::kMostImportantFirst;
  std::ranges::stable_sort(order, [&](std::int64_t a, std::int64_t b) {
    const double x = value[static_cast<std::size_t>(a)], y = value[static_cast<std::size_t>(b)];
    return most ? x > y : x < y;
  });
  return order;
}

std::vector<PerturbationCurve> perturbation_curves(Evaluator& evaluator,
                                                   const Tensor& picture,
                                                   std::int64_t target,
                                                   std::span<const CurveTask> tasks,
                                                   Observer& observer) {
  check_picture(evaluator, picture);
  std::vector<Curve> curves;
  std::vector<std::pair<std::size_t, std::int64_t>> samples;  // curve, step
  for (const CurveTask& task : tasks) {
    curves.push_back(make_curve(task, picture));
    for (std::int64_t k = 0; k <= curves.back().steps; ++k) {
      samples.emplace_back(curves.size() - 1, k);
    }
  }
  const auto total = static_cast<std::int64_t>(samples.size());
  evaluator.run(
      total,
      [&](std::int64_t sample, std::span<float> values) {
        const auto [curve, step] = samples[static_cast<std::size_t>(sample)];
        curves[curve].make_sample(step, values);
      },
      [&](const Evaluator::Batch& batch) {
        throw_if_cancelled(observer);
        for (std::int64_t i = 0; i < batch.count; ++i) {
          Curve& curve = curves[samples[static_cast<std::size_t>(batch.first + i)].first];
          curve.result.score.push_back(score_of(batch.scores(i), target, curve.task->request));
        }
        observer.progress("perturbations", static_cast<double>(batch.first + batch.count),
                          static_cast<double>(total));
      });
  std::vector<PerturbationCurve> results;
  for (Curve& curve : curves) {
    curve.finish();
    results.push_back(std::move(curve.result));
  }
  return results;
}

PerturbationCurve selectivity_recomputed(Evaluator& evaluator,
                                         const Explainer& explainer,
                                         const Tensor& picture,
                                         std::int64_t target,
                                         const CurveRequest& request,
                                         Observer& observer) {
  check_picture(evaluator, picture);
  if (request.insertion || request.order != PixelOrder::kMostImportantFirst) {
    throw Error(ErrorKind::kUsage, "selectivity with recomputed order")
        .expected("deletion, the most important first");
  }
  const Tensor fill = filled(picture, request.fill);
  const Shape& s = picture.shape();
  const auto plane = static_cast<std::size_t>(s.plane());
  const std::vector<float> blank(plane, 0.0f);
  Curve c = make_curve({blank, request}, picture);
  const CurveTask task{blank, request};
  c.task = &task;
  c.step = std::max<std::int64_t>(request.step, 1);
  c.steps = (c.patches.count() + c.step - 1) / c.step;
  c.order.clear();
  std::vector<bool> gone(static_cast<std::size_t>(c.patches.count()), false);
  Tensor left = picture.clone();
  const std::vector<std::int64_t> targets{target};
  for (std::int64_t k = 0; k <= c.steps; ++k) {
    throw_if_cancelled(observer);
    evaluator.run(
        1,
        [&](std::int64_t, std::span<float> values) {
          std::ranges::copy(left.f32(), values.begin());
        },
        [&](const Evaluator::Batch& batch) {
          c.result.score.push_back(score_of(batch.scores(0), target, request));
        });
    observer.progress("selectivity", static_cast<double>(k), static_cast<double>(c.steps));
    if (k == c.steps) break;
    const Tensor map = explainer(left, targets);
    std::int64_t removed = 0;
    for (const std::int64_t patch : change_order(map.f32(), s.h, s.w, request)) {
      if (removed == c.step) break;
      if (gone[static_cast<std::size_t>(patch)]) continue;
      gone[static_cast<std::size_t>(patch)] = true;
      c.order.push_back(patch);
      ++removed;
      c.patches.each_pixel(patch, [&](std::size_t pixel) {
        for (std::size_t at = pixel; at < left.f32().size(); at += plane) {
          left.f32()[at] = fill.f32()[at];
        }
      });
    }
  }
  c.finish();
  return std::move(c.result);
}

std::vector<MaskedScore> masked_scores(Evaluator& evaluator,
                                       const Tensor& picture,
                                       std::int64_t target,
                                       std::span<const std::span<const float>> maps,
                                       Observer& observer,
                                       ClassHead head) {
  check_picture(evaluator, picture);
  const auto plane = static_cast<std::size_t>(picture.shape().plane());
  struct Range {
    float low, width;
  };
  std::vector<Range> ranges;
  for (const auto& map : maps) {
    if (map.size() != plane) {
      throw Error(ErrorKind::kShape, "map of a masked picture")
          .expected(std::to_string(plane) + " values")
          .got(std::to_string(map.size()));
    }
    const auto [low, high] = std::ranges::minmax(map);
    ranges.push_back({low, high > low ? high - low : 0.0f});
  }
  std::vector<double> scores;
  evaluator.run(
      static_cast<std::int64_t>(maps.size()) + 1,
      [&](std::int64_t sample, std::span<float> values) {
        std::ranges::copy(picture.f32(), values.begin());
        if (sample == 0) return;
        const auto k = static_cast<std::size_t>(sample - 1);
        for (std::size_t i = 0; i < values.size(); ++i) {
          const float scaled = ranges[k].width > 0.0f
                                   ? (maps[k][i % plane] - ranges[k].low) / ranges[k].width
                                   : 0.0f;
          values[i] *= scaled;
        }
      },
      [&](const Evaluator::Batch& batch) {
        throw_if_cancelled(observer);
        for (std::int64_t i = 0; i < batch.count; ++i) {
          scores.push_back(class_probability(batch.scores(i), target, head));
        }
      });
  std::vector<MaskedScore> results;
  for (std::size_t k = 1; k < scores.size(); ++k) results.push_back({scores[0], scores[k]});
  return results;
}

}  // namespace cutaway::explain
