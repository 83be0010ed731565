// Methods that bring one signal from the class score down to the pixels.

#include <algorithm>

#include "explain/methods/conservation.h"
#include "explain/methods/constant_image.h"
#include "explain/methods/methods.h"
#include "explain/methods/of_class.h"
#include "explain/rules/rules.h"
#include "explain/tensor_math.h"

namespace cutaway::explain {
namespace {

/// Image-specific saliency (Simonyan et al. 2013, section 3): M = max over channels of |dS_c/dx|,
/// S_c the score before softmax. With `per` x is counted in other units than the net's own numbers:
/// each channel's gradient is multiplied by the net's numbers for one unit (for a grey level 1 /
/// (255 sigma_ch) where the preprocessing divides by sigma).
class Saliency final : public Method {
 public:
  explicit Saliency(const Options& o) : per_(o.text("per")) {}
  std::string_view name() const noexcept override { return "saliency"; }
  void plan(const Graph& graph, const Setting& setting, Needs& needs) override {
    units_ = channel_values("per", per_, static_cast<std::size_t>(graph.node(0).shape.c));
    pass_ = needs.backward(gradient_rules(), setting.logits, 0);
  }
  Explanation explain(Passes& passes) const override {
    Explanation e = of_class(passes, "saliency", "gradient", MapKind::kHeat);
    e.options = {{"per", per_}};
    constexpr auto kMaxAbs = kernels::ChannelReduction::kMaxAbs;
    if (std::ranges::all_of(units_, [](float u) { return u == 1.0f; })) {
      e.map = reduce_channels(passes.gradient(pass_, 0), kMaxAbs);
      return e;
    }
    Tensor gradient = passes.gradient(pass_, 0).clone();
    const auto plane = static_cast<std::size_t>(gradient.shape().plane());
    for (std::size_t i = 0; i < gradient.f32().size(); ++i) {
      gradient.f32()[i] *= units_[i / plane % units_.size()];
    }
    e.map = reduce_channels(gradient, kMaxAbs);
    return e;
  }

 private:
  std::string per_;
  std::vector<float> units_;
  std::size_t pass_{0};
};

/// Gradient times input (Shrikumar et al. 2016), summed over channels; equals LRP-0 on ReLU nets.
/// Sums to the score where there are no biases; what they take is measured as conservation_residual
/// = (sum R - S) / |S|.
class GradientTimesInput final : public Method {
 public:
  std::string_view name() const noexcept override { return "gradient_x_input"; }
  void plan(const Graph&, const Setting& setting, Needs& needs) override {
    needs.tap(setting.logits);
    pass_ = needs.backward(gradient_rules(), setting.logits, 0);
  }
  Explanation explain(Passes& passes) const override {
    Explanation e = of_class(passes, "gradient_x_input", "gradient", MapKind::kSigned);
    e.map = reduce_channels(multiply(passes.gradient(pass_, 0), passes.input()),
                            kernels::ChannelReduction::kSum);
    for (std::int64_t n = 0; n < e.map.shape().n; ++n) {
      const auto c = static_cast<std::size_t>(passes.targets()[static_cast<std::size_t>(n)]);
      const double residual =
          conservation_residual(sum_of_image(e.map, n), static_cast<double>(passes.scores(n)[c]));
      e.measures.push_back({{"conservation_residual", residual}});
    }
    return e;
  }

 private:
  std::size_t pass_{0};
};

/// Sensitivity analysis (Montavon et al. 2018, section 3): R_i = (dS_c/dx_i)^2,
/// summed over channels, so that the map sums to the squared norm of the gradient.
class Sensitivity final : public Method {
 public:
  std::string_view name() const noexcept override { return "sensitivity"; }
  void plan(const Graph&, const Setting& setting, Needs& needs) override {
    pass_ = needs.backward(gradient_rules(), setting.logits, 0);
  }
  Explanation explain(Passes& passes) const override {
    Explanation e = of_class(passes, "sensitivity", "gradient", MapKind::kHeat);
    const Tensor& gradient = passes.gradient(pass_, 0);
    e.map = reduce_channels(multiply(gradient, gradient), kernels::ChannelReduction::kSum);
    return e;
  }

 private:
  std::size_t pass_{0};
};

/// Guided backpropagation (Springenberg et al. 2014): signed, all input channels.
class Guided final : public Method {
 public:
  std::string_view name() const noexcept override { return "guided"; }
  void plan(const Graph&, const Setting& setting, Needs& needs) override {
    pass_ = needs.backward(guided_rules(), setting.logits, 0);
  }
  Explanation explain(Passes& passes) const override {
    Explanation e = of_class(passes, "guided", "guided backpropagation", MapKind::kReconstruction);
    e.map = passes.gradient(pass_, 0).clone();
    return e;
  }

 private:
  std::size_t pass_{0};
};

}  // namespace

MethodEntry saliency_method() {
  MethodFacts facts;
  facts.name = "saliency";
  facts.summary = "largest absolute gradient of the class score at each pixel";
  facts.source = "Simonyan et al. 2013, section 3";
  OptionFact per = channels_option("per", "1", {"grey_level"},
                                   "the unit of the gradient, in the net's numbers: 1, numbers a "
                                   "channel, or grey_level of the photograph");
  per.pixel = PixelFact::kGreyLevel;
  facts.options = {std::move(per)};
  return {std::move(facts),
          [](const Options& o) -> MethodPtr { return std::make_unique<Saliency>(o); }};
}

MethodEntry gradient_x_input_method() {
  MethodFacts facts;
  facts.name = "gradient_x_input";
  facts.summary = "gradient times input: evidence for and against";
  facts.source = "Shrikumar et al. 2016";
  facts.map = MapKind::kSigned;
  return {std::move(facts),
          [](const Options&) -> MethodPtr { return std::make_unique<GradientTimesInput>(); }};
}

MethodEntry sensitivity_method() {
  MethodFacts facts;
  facts.name = "sensitivity";
  facts.summary = "squared gradient: what the score reacts to";
  facts.source = "Montavon et al. 2018, section 3";
  return {std::move(facts),
          [](const Options&) -> MethodPtr { return std::make_unique<Sensitivity>(); }};
}

MethodEntry guided_method() {
  MethodFacts facts;
  facts.name = "guided";
  facts.summary = "guided backpropagation from the class score, in colour";
  facts.source = "Springenberg et al. 2014";
  facts.map = MapKind::kReconstruction;
  return {std::move(facts), [](const Options&) -> MethodPtr { return std::make_unique<Guided>(); }};
}

}  // namespace cutaway::explain
