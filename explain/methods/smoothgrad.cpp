// The gradient averaged over noisy copies of the image.

#include <algorithm>

#include "explain/methods/methods.h"
#include "explain/methods/of_class.h"
#include "explain/methods/pixel_sums.h"
#include "explain/tensor_math.h"
#include "runtime/philox.h"

namespace cutaway::explain {
namespace {

enum class Statistic : std::uint8_t { kMean, kSquared, kVariance };

/// SmoothGrad (Smilkov et al. 2017, eq. 2): the mean of dS_c/dx at x + e, e ~ N(0, sigma^2); its
/// squared form, the mean of the squares (Hooker et al. 2019); VarGrad (Adebayo et al. 2018), their
/// variance. c is fixed by the clean image; the absolute value and the maximum over channels are
/// taken after averaging.
class SmoothGrad final : public Method {
 public:
  SmoothGrad(const Options& o, Statistic statistic)
      : statistic_(statistic),
        samples_(o.integer("samples")),
        noise_(o.number("noise")),
        seed_(o.integer("seed")),
        channels_(o.flag("channels")) {}
  std::string_view name() const noexcept override {
    return statistic_ == Statistic::kVariance ? "vargrad" : "smoothgrad";
  }
  void plan(const Graph&, const Setting&, Needs&) override {}
  double work(const Graph&) const override { return 3.0 * static_cast<double>(samples_); }

  Explanation explain(Passes& passes) const override {
    Explanation e = of_class(passes, std::string(name()), "gradient",
                             channels_ ? MapKind::kReconstruction : MapKind::kHeat);
    e.options = {
        {"samples", samples_}, {"noise", noise_}, {"seed", seed_}, {"channels", channels_}};
    if (statistic_ != Statistic::kVariance)
      e.options.set("squared", statistic_ == Statistic::kSquared);
    EvaluatorRequest request;
    request.output = passes.setting().logits;
    request.gradient = true;
    Evaluator& evaluator = passes.evaluator(request);
    Tensor maps = zeros(passes.input().shape());
    const auto size = static_cast<std::size_t>(evaluator.input_shape().count());
    for (std::int64_t n = 0; n < maps.shape().n; ++n) {
      const auto at = static_cast<std::size_t>(n) * size;
      explain_one(evaluator, passes.input().f32().subspan(at, size),
                  passes.targets()[static_cast<std::size_t>(n)], passes.image_number(n),
                  maps.f32().subspan(at, size));
    }
    e.map = channels_ ? std::move(maps) : reduce_channels(maps, kernels::ChannelReduction::kMaxAbs);
    return e;
  }

 private:
  void explain_one(Evaluator& evaluator,
                   std::span<const float> x,
                   std::int64_t target,
                   std::uint64_t image,
                   std::span<float> map) const {
    const auto [least, most] = std::ranges::minmax(x);
    const float sigma = static_cast<float>(noise_) * (most - least);
    const Philox random{static_cast<std::uint64_t>(seed_), image};
    PixelSums sums(x.size());
    evaluator.run(
        samples_,
        [&](std::int64_t sample, std::span<float> values) {
          const std::uint64_t base = static_cast<std::uint64_t>(sample) * x.size();
          for (std::size_t i = 0; i < x.size(); ++i) {
            values[i] = x[i] + sigma * normal(random, base + i);
          }
        },
        [&](const Evaluator::Batch& batch) {
          sums.add(batch, evaluator.threads(), [](std::int64_t) { return 1.0; });
        },
        target);
    const double count = static_cast<double>(samples_);
    for (std::size_t i = 0; i < map.size(); ++i) {
      const double mean = sums.sum()[i] / count;
      const double square = sums.squares()[i] / count;
      map[i] = static_cast<float>(statistic_ == Statistic::kMean      ? mean
                                  : statistic_ == Statistic::kSquared ? square
                                                                      : square - mean * mean);
    }
  }

  Statistic statistic_;
  std::int64_t samples_;
  double noise_;
  std::int64_t seed_;
  bool channels_;
};

constexpr std::int64_t kMostSeed = std::int64_t{1} << 62;

std::vector<OptionFact> common_options() {
  return {integer_option("samples", 50, 1, 1 << 20, "noisy copies of the image"),
          number_option("noise", 0.15, 0.0, 100.0, "sigma of the noise over max x - min x"),
          integer_option("seed", 0, 0, kMostSeed, "of the random numbers"),
          flag_option("channels", false,
                      "signed maps of the input channels instead of their largest magnitude")};
}

}  // namespace

MethodEntry smoothgrad_method() {
  MethodFacts facts;
  facts.name = "smoothgrad";
  facts.summary = "gradient averaged over noisy copies of the image";
  facts.source = "Smilkov et al. 2017, eq. 2";
  facts.options = common_options();
  facts.options.push_back(
      flag_option("squared", false, "the mean of the squares (Hooker et al. 2019)"));
  return {std::move(facts), [](const Options& o) -> MethodPtr {
            return std::make_unique<SmoothGrad>(
                o, o.flag("squared") ? Statistic::kSquared : Statistic::kMean);
          }};
}

MethodEntry vargrad_method() {
  MethodFacts facts;
  facts.name = "vargrad";
  facts.summary = "variance of the gradient over noisy copies of the image";
  facts.source = "Adebayo et al. 2018";
  facts.options = common_options();
  return {std::move(facts), [](const Options& o) -> MethodPtr {
            return std::make_unique<SmoothGrad>(o, Statistic::kVariance);
          }};
}

}  // namespace cutaway::explain
