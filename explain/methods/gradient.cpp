// Methods that bring one signal from the class score down to the pixels.

#include "explain/methods/methods.h"
#include "explain/methods/of_class.h"
#include "explain/rules/rules.h"
#include "explain/tensor_math.h"

namespace cutaway::explain {
namespace {

/// Image-specific saliency (Simonyan et al. 2013, section 3; methods.md B.2): M = max over channels
/// of |dS_c/dx|, S_c the score before softmax.
class Saliency final : public Method {
 public:
  std::string_view name() const noexcept override { return "saliency"; }
  void plan(const Graph&, const Setting& setting, Needs& needs) override {
    pass_ = needs.backward(gradient_rules(), setting.logits, 0);
  }
  Explanation explain(Passes& passes) const override {
    Explanation e = of_class(passes, "saliency", "gradient", MapKind::kHeat);
    e.map = reduce_channels(passes.gradient(pass_, 0), kernels::ChannelReduction::kMaxAbs);
    return e;
  }

 private:
  std::size_t pass_{0};
};

/// Gradient times input (Shrikumar et al. 2016), summed over channels; equals LRP-0 on ReLU nets.
class GradientTimesInput final : public Method {
 public:
  std::string_view name() const noexcept override { return "gradient_x_input"; }
  void plan(const Graph&, const Setting& setting, Needs& needs) override {
    pass_ = needs.backward(gradient_rules(), setting.logits, 0);
  }
  Explanation explain(Passes& passes) const override {
    Explanation e = of_class(passes, "gradient_x_input", "gradient", MapKind::kSigned);
    e.map = reduce_channels(multiply(passes.gradient(pass_, 0), passes.input()),
                            kernels::ChannelReduction::kSum);
    return e;
  }

 private:
  std::size_t pass_{0};
};

/// Sensitivity analysis (Montavon et al. 2018, section 3; methods.md D.7): R_i = (dS_c/dx_i)^2,
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

/// Guided backpropagation (Springenberg et al. 2014; methods.md D.2): signed, all input channels.
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

MethodPtr make_saliency(const Attributes&) { return std::make_unique<Saliency>(); }
MethodPtr make_gradient_x_input(const Attributes&) {
  return std::make_unique<GradientTimesInput>();
}
MethodPtr make_sensitivity(const Attributes&) { return std::make_unique<Sensitivity>(); }
MethodPtr make_guided(const Attributes&) { return std::make_unique<Guided>(); }

}  // namespace cutaway::explain
