#include <algorithm>
#include <cmath>
#include <limits>

#include "explain/class_probability.h"
#include "explain/methods/methods.h"
#include "explain/methods/of_class.h"
#include "explain/methods/ridge.h"
#include "explain/segmentation/slic.h"
#include "runtime/philox.h"

namespace cutaway::explain {
namespace {

/// LIME for images (Ribeiro et al. 2016, algorithm 1): a linear model of the class's probability in
/// which superpixels (SLIC) are shown; those that are not get their mean colour. The first sample
/// is the whole image. Samples are weighted by exp(-d^2 / (2 width^2)), d the cosine distance to
/// the whole image; ridge regression with a free intercept. The map is each segment's coefficient.
/// Measures: segments, r2 of the weighted fit.
class Lime final : public Method {
 public:
  explicit Lime(const Options& o)
      : samples_(o.integer("samples")),
        segments_(o.integer("segments")),
        compactness_(o.number("compactness")),
        width_(o.number("width")),
        alpha_(o.number("alpha")),
        output_(o.text("output")),
        seed_(o.integer("seed")) {}
  std::string_view name() const noexcept override { return "lime"; }
  void plan(const Graph&, const Setting&, Needs&) override {}
  double work(const Graph&) const override { return static_cast<double>(samples_); }

  Explanation explain(Passes& passes) const override {
    Explanation e = of_class(passes, "lime", "", MapKind::kSigned);
    e.options = {{"samples", samples_}, {"segments", segments_}, {"compactness", compactness_},
                 {"width", width_},     {"alpha", alpha_},       {"output", output_},
                 {"seed", seed_}};
    const Shape& shape = passes.input().shape();
    const auto size = static_cast<std::size_t>(shape.c * shape.plane());
    const auto plane = static_cast<std::size_t>(shape.plane());
    e.map = zeros({shape.n, 1, shape.h, shape.w});
    for (std::int64_t n = 0; n < shape.n; ++n) {
      const auto i = static_cast<std::size_t>(n);
      e.doubts.emplace_back();
      e.measures.push_back(explain_one(passes, n, passes.input().f32().subspan(i * size, size),
                                       e.map.f32().subspan(i * plane, plane), e.doubts.back()));
    }
    return e;
  }

 private:
  Attributes explain_one(Passes& passes,
                         std::int64_t n,
                         std::span<const float> x,
                         std::span<float> map,
                         Doubt& doubt) const {
    Evaluator& evaluator = passes.evaluator({0, passes.setting().logits});
    Shape shape = evaluator.input_shape();
    const Segmentation parts = slic(x, shape, std::min(segments_, shape.plane()), compactness_);
    const auto count = static_cast<std::size_t>(parts.count);
    const std::vector<float> mean = mean_colors(x, parts, shape);
    const Philox random{static_cast<std::uint64_t>(seed_), passes.image_number(n)};
    std::vector<double> shown(static_cast<std::size_t>(samples_) * count, 1.0);
    for (std::size_t k = count; k < shown.size(); ++k) shown[k] = random.word(k) & 1u ? 1.0 : 0.0;
    const std::int64_t target = passes.targets()[static_cast<std::size_t>(n)];
    std::vector<double> answers(static_cast<std::size_t>(samples_));
    evaluator.run(
        samples_,
        [&](std::int64_t sample, std::span<float> values) {
          const double* on = shown.data() + static_cast<std::size_t>(sample) * count;
          for (std::size_t i = 0; i < values.size(); ++i) {
            const auto part = static_cast<std::size_t>(parts.label[i % map.size()]);
            values[i] = on[part] != 0.0 ? x[i] : mean[(i / map.size()) * count + part];
          }
        },
        [&](const Evaluator::Batch& b) {
          for (std::int64_t i = 0; i < b.count; ++i) {
            answers[static_cast<std::size_t>(b.first + i)] =
                output_ == "logit"
                    ? static_cast<double>(b.scores(i)[static_cast<std::size_t>(target)])
                    : class_probability(b.scores(i), target, class_head(passes.graph()));
          }
        });
    if (std::ranges::all_of(answers, [&](double a) { return a == answers.front(); })) {
      doubt = {DoubtKind::kFlat, "every sample gets the same answer: there is nothing to fit"};
    }
    const std::vector<double> weights = sample_weights(shown, count);
    const LinearFit fit = ridge(shown, count, answers, weights, alpha_);
    for (std::size_t i = 0; i < map.size(); ++i) {
      map[i] = static_cast<float>(fit.coefficients[static_cast<std::size_t>(parts.label[i])]);
    }
    return {{"segments", std::int64_t{parts.count}},
            {"r2", r_squared(fit, shown, count, answers, weights)}};
  }

  [[nodiscard]] std::vector<double> sample_weights(const std::vector<double>& shown,
                                                   std::size_t count) const {
    std::vector<double> weights;
    for (std::size_t first = 0; first < shown.size(); first += count) {
      double on = 0.0;
      for (std::size_t k = 0; k < count; ++k) on += shown[first + k];
      // The cosine to nothing at all is undefined; nothing is as far away as can be.
      const double d = on == 0.0 ? 1.0 : 1.0 - std::sqrt(on / static_cast<double>(count));
      weights.push_back(std::exp(-d * d / (2.0 * width_ * width_)));
    }
    return weights;
  }

  /// A segment's mean in every channel, channel by channel.
  static std::vector<float> mean_colors(std::span<const float> x,
                                        const Segmentation& parts,
                                        const Shape& shape) {
    const auto plane = static_cast<std::size_t>(shape.plane());
    const auto count = static_cast<std::size_t>(parts.count);
    std::vector<double> sum(static_cast<std::size_t>(shape.c) * count), pixels(count);
    for (const std::int32_t part : parts.label) pixels[static_cast<std::size_t>(part)] += 1.0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      sum[(i / plane) * count + static_cast<std::size_t>(parts.label[i % plane])] +=
          static_cast<double>(x[i]);
    }
    std::vector<float> mean;
    for (std::size_t k = 0; k < sum.size(); ++k)
      mean.push_back(static_cast<float>(sum[k] / pixels[k % count]));
    return mean;
  }

  static double r_squared(const LinearFit& fit,
                          const std::vector<double>& shown,
                          std::size_t count,
                          const std::vector<double>& answers,
                          const std::vector<double>& weights) {
    double total = 0.0;
    double mean = 0.0;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      total += weights[i];
      mean += weights[i] * answers[i];
    }
    mean /= total;
    double missed = 0.0;
    double spread = 0.0;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      double said = fit.intercept;
      for (std::size_t k = 0; k < count; ++k) said += fit.coefficients[k] * shown[i * count + k];
      missed += weights[i] * (answers[i] - said) * (answers[i] - said);
      spread += weights[i] * (answers[i] - mean) * (answers[i] - mean);
    }
    return spread > 0.0 ? 1.0 - missed / spread : 1.0;
  }

  std::int64_t samples_, segments_;
  double compactness_, width_, alpha_;
  std::string output_;
  std::int64_t seed_;
};

}  // namespace

MethodEntry lime_method() {
  MethodFacts facts;
  facts.name = "lime";
  facts.summary = "linear model of the class probability in superpixels";
  facts.source = "Ribeiro et al. 2016, algorithm 1";
  facts.map = MapKind::kSigned;
  constexpr double kUnbounded = std::numeric_limits<double>::infinity();
  OptionFact compactness = number_option("compactness", 10.0, 0.0, kUnbounded,
                                         "of superpixels: greater is squarer (SLIC)");
  OptionFact width = number_option("width", 0.25, 0.0, kUnbounded,
                                   "of the kernel that weighs samples by their distance");
  compactness.above_least = width.above_least = true;
  facts.options = {
      integer_option("samples", 1000, 2, 1 << 20, "pictures with some superpixels shown"),
      integer_option("segments", 100, 1, 1000, "superpixels"),
      std::move(compactness),
      std::move(width),
      number_option("alpha", 1.0, 0.0, kUnbounded, "ridge penalty of the linear model"),
      word_option("output", {"probability", "logit"}, "what the linear model is fitted to"),
      integer_option("seed", 0, 0, std::int64_t{1} << 62, "of the random numbers")};
  return {std::move(facts),
          [](const Options& o) -> MethodPtr { return std::make_unique<Lime>(o); }};
}

}  // namespace cutaway::explain
