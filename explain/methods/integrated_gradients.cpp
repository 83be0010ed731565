#include <cmath>

#include "explain/methods/constant_image.h"
#include "explain/methods/methods.h"
#include "explain/methods/of_class.h"
#include "explain/methods/pixel_sums.h"
#include "explain/methods/quadrature.h"
#include "explain/tensor_math.h"

namespace cutaway::explain {
namespace {

/// Integrated gradients (Sundararajan et al. 2017, eq. 1): (x - x') times the mean of dS_c/dx on
/// the straight path from the baseline x' to x; summed over channels. Completeness: the map sums to
/// S_c(x) - S_c(x'); what is missing is measured as completeness_residual, and relative to the
/// difference.
class IntegratedGradients final : public Method {
 public:
  explicit IntegratedGradients(const Options& o)
      : steps_(o.integer("steps")),
        rule_(o.text("rule")),
        baseline_(o.text("baseline")),
        channels_(o.flag("channels")),
        path_(quadrature(rule_, static_cast<int>(steps_))) {}
  std::string_view name() const noexcept override { return "integrated_gradients"; }
  void plan(const Graph& graph, const Setting& setting, Needs& needs) override {
    (void)channel_values("baseline", baseline_, static_cast<std::size_t>(graph.node(0).shape.c));
    needs.tap(setting.logits);
  }
  double work(const Graph&) const override { return 3.0 * static_cast<double>(steps_) + 1.0; }

  Explanation explain(Passes& passes) const override {
    Explanation e = of_class(passes, "integrated_gradients", "gradient",
                             channels_ ? MapKind::kReconstruction : MapKind::kSigned);
    e.options = {
        {"steps", steps_}, {"rule", rule_}, {"baseline", baseline_}, {"channels", channels_}};
    const Shape& shape = passes.input().shape();
    const auto size = static_cast<std::size_t>(shape.c * shape.plane());
    const std::vector<float> origin = baseline(shape);
    const std::vector<float> start = scores_of(passes, origin);
    Tensor maps = zeros(shape);
    for (std::int64_t n = 0; n < shape.n; ++n) {
      const auto at = static_cast<std::size_t>(n) * size;
      const std::int64_t target = passes.targets()[static_cast<std::size_t>(n)];
      const double total = explain_one(passes, origin, passes.input().f32().subspan(at, size),
                                       target, maps.f32().subspan(at, size));
      const auto c = static_cast<std::size_t>(target);
      const double rise = static_cast<double>(passes.scores(n)[c]) - static_cast<double>(start[c]);
      e.measures.push_back({{"completeness_residual", total - rise},
                            {"completeness_relative", std::abs(total - rise) / std::abs(rise)}});
    }
    e.map = channels_ ? std::move(maps) : reduce_channels(maps, kernels::ChannelReduction::kSum);
    return e;
  }

 private:
  [[nodiscard]] std::vector<float> baseline(const Shape& shape) const {
    const auto channels = static_cast<std::size_t>(shape.c);
    std::vector<float> image;
    for (const float value : channel_values("baseline", baseline_, channels)) {
      image.insert(image.end(), static_cast<std::size_t>(shape.plane()), value);
    }
    return image;
  }

  static std::vector<float> scores_of(Passes& passes, std::span<const float> image) {
    std::vector<float> scores;
    passes.evaluator({0, passes.setting().logits})
        .run(
            1,
            [&](std::int64_t, std::span<float> values) {
              std::ranges::copy(image, values.begin());
            },
            [&](const Evaluator::Batch& b) {
              scores.assign(b.scores(0).begin(), b.scores(0).end());
            });
    return scores;
  }

  /// The sum of the map.
  double explain_one(Passes& passes,
                     std::span<const float> origin,
                     std::span<const float> x,
                     std::int64_t target,
                     std::span<float> map) const {
    EvaluatorRequest request;
    request.output = passes.setting().logits;
    request.gradient = true;
    Evaluator& evaluator = passes.evaluator(request);
    PixelSums sums(x.size());
    evaluator.run(
        steps_,
        [&](std::int64_t step, std::span<float> values) {
          const float t = static_cast<float>(path_.points[static_cast<std::size_t>(step)]);
          for (std::size_t i = 0; i < x.size(); ++i) values[i] = origin[i] + t * (x[i] - origin[i]);
        },
        [&](const Evaluator::Batch& batch) {
          sums.add(batch, evaluator.threads(), [&](std::int64_t step) {
            return path_.weights[static_cast<std::size_t>(step)];
          });
        },
        target);
    double total = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double value =
          sums.sum()[i] * (static_cast<double>(x[i]) - static_cast<double>(origin[i]));
      map[i] = static_cast<float>(value);
      total += value;
    }
    return total;
  }

  std::int64_t steps_;
  std::string rule_, baseline_;
  bool channels_;
  Quadrature path_;
};

}  // namespace

MethodEntry integrated_gradients_method() {
  MethodFacts facts;
  facts.name = "integrated_gradients";
  facts.summary = "gradient integrated on the path from a baseline; sums to the score";
  facts.source = "Sundararajan et al. 2017, eq. 1";
  facts.map = MapKind::kSigned;
  facts.options = {
      integer_option("steps", 50, 1, 1 << 20, "points on the path"),
      word_option("rule", {"midpoint", "gauss_legendre", "trapezoid", "left", "right"},
                  "how the integral is summed"),
      channels_option("baseline", "zero", {"zero"},
                      "where the path begins: zero, the mean colour, or numbers a channel"),
      flag_option("channels", false, "a map of every input channel instead of their sum")};
  return {std::move(facts),
          [](const Options& o) -> MethodPtr { return std::make_unique<IntegratedGradients>(o); }};
}

}  // namespace cutaway::explain
