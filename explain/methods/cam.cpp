#include "explain/methods/conservation.h"
#include "explain/methods/methods.h"
#include "explain/network.h"
#include "explain/rules/rules.h"
#include "explain/tensor_math.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

/// Class activation map (Zhou et al. 2016, eq. 2): M_c = sum over k of w[c,k] A^k,
/// A the maps the global pooling reads; no bias, no ReLU, no normalisation. Where the head is
/// average pooling and a dense layer the mean of the map is S_c - b_c: what it misses is measured
/// as conservation_residual.
class Cam final : public Method {
 public:
  std::string_view name() const noexcept override { return "cam"; }

  LayerUse layer_use() const noexcept override { return LayerUse::kFixed; }
  double work(const Graph&) const override { return 0.0; }
  void plan(const Graph& graph, const Setting& setting, Needs& needs) override {
    const auto head = cam_head(graph);
    if (!head) {
      throw Error(ErrorKind::kUnsupported,
                  "CAM needs maps -> global pooling -> one fully connected layer")
          .hint("gradcam works on every network, and is CAM up to a factor on those");
    }
    head_ = *head;
    layer_name_ = graph.node(head_.maps).name;
    needs.tap(head_.maps);
    if (head_.exact) needs.tap(setting.logits);
  }

  Explanation explain(Passes& passes) const override {
    const Tensor& maps = passes.tap(head_.maps);
    const auto channels = static_cast<std::size_t>(maps.shape().c);
    const auto weights = passes.model().parameters.of(head_.weights)[0].f32();
    std::vector<float> rows;
    for (const std::int64_t target : passes.targets()) {
      const auto row = weights.subspan(static_cast<std::size_t>(target) * channels, channels);
      rows.insert(rows.end(), row.begin(), row.end());
    }
    Explanation e;
    e.method = "cam";
    e.layer = layer_name_;
    e.kind = MapKind::kScore;
    e.map = weighted_sum(maps, rows, false);
    e.targets.assign(passes.targets().begin(), passes.targets().end());
    if (head_.exact) measure(passes, e);
    return e;
  }

 private:
  void measure(Passes& passes, Explanation& e) const {
    const auto parameters = passes.model().parameters.of(head_.weights);
    for (std::int64_t n = 0; n < e.map.shape().n; ++n) {
      const auto c = static_cast<std::size_t>(e.targets[static_cast<std::size_t>(n)]);
      double score = static_cast<double>(passes.scores(n)[c]);
      if (parameters.size() > 1) score -= static_cast<double>(parameters[1].f32()[c]);
      const double mean = sum_of_image(e.map, n) / static_cast<double>(e.map.shape().plane());
      e.measures.push_back({{"conservation_residual", conservation_residual(mean, score)}});
    }
  }

  CamHead head_{};
  std::string layer_name_;
};

/// Grad-CAM (Selvaraju et al. 2017, eqs. 1 and 2): alpha_k = mean of dS_c/dA^k,
/// L = ReLU(sum alpha_k A^k). All-negative sums give an all-zero map. The counterfactual map shows
/// what speaks against the class, from -alpha (section 3.3 of the paper).
Tensor grad_cam_map(
    Passes& passes, std::size_t pass, NodeId layer, bool counterfactual = false, bool relu = true) {
  Tensor alpha = plane_means(passes.gradient(pass, layer));
  if (counterfactual) {
    for (float& a : alpha.f32()) a = -a;
  }
  return weighted_sum(passes.tap(layer), alpha.f32(), relu);
}

class GradCam final : public Method {
 public:
  explicit GradCam(const Options& o)
      : counterfactual_(o.flag("counterfactual")), relu_(o.flag("relu")) {}
  std::string_view name() const noexcept override { return "gradcam"; }
  LayerUse layer_use() const noexcept override { return LayerUse::kRequired; }
  void plan(const Graph& graph, const Setting& setting, Needs& needs) override {
    layer_ = required_layer(setting);
    layer_name_ = graph.node(layer_).name;
    needs.tap(layer_);
    pass_ = needs.backward(gradient_rules(), setting.logits, layer_);
  }
  Explanation explain(Passes& passes) const override {
    Explanation e;
    e.method = "gradcam";
    e.rules = "gradient";
    e.layer = layer_name_;
    e.options = {{"counterfactual", counterfactual_}, {"relu", relu_}};
    if (!relu_) e.kind = MapKind::kSigned;
    e.map = grad_cam_map(passes, pass_, layer_, counterfactual_, relu_);
    e.targets.assign(passes.targets().begin(), passes.targets().end());
    return e;
  }

 private:
  bool counterfactual_, relu_;
  NodeId layer_{0};
  std::string layer_name_;
  std::size_t pass_{0};
};

/// Guided Grad-CAM (Selvaraju et al. 2017, section 3.2): guided backpropagation times the upsampled Grad-CAM map.
class GuidedGradCam final : public Method {
 public:
  std::string_view name() const noexcept override { return "guided_gradcam"; }
  LayerUse layer_use() const noexcept override { return LayerUse::kRequired; }
  void plan(const Graph& graph, const Setting& setting, Needs& needs) override {
    layer_ = required_layer(setting);
    layer_name_ = graph.node(layer_).name;
    needs.tap(layer_);
    gradient_ = needs.backward(gradient_rules(), setting.logits, layer_);
    guided_ = needs.backward(guided_rules(), setting.logits, 0);
  }
  double work(const Graph&) const override { return 4.0; }
  Explanation explain(Passes& passes) const override {
    const Shape& image = passes.input().shape();
    Explanation e;
    e.method = "guided_gradcam";
    e.rules = "guided backpropagation x gradient";
    e.layer = layer_name_;
    e.kind = MapKind::kReconstruction;
    e.map = multiply(passes.gradient(guided_, 0),
                     upsample(grad_cam_map(passes, gradient_, layer_), image.h, image.w));
    e.targets.assign(passes.targets().begin(), passes.targets().end());
    return e;
  }

 private:
  NodeId layer_{0};
  std::string layer_name_;
  std::size_t gradient_{0}, guided_{0};
};

}  // namespace

MethodEntry cam_method() {
  MethodFacts facts;
  facts.name = "cam";
  facts.summary = "class activation map of a net that ends in global pooling";
  facts.source = "Zhou et al. 2016, eq. 2";
  facts.layer = LayerUse::kFixed;
  facts.map = MapKind::kScore;
  return {std::move(facts), [](const Options&) -> MethodPtr { return std::make_unique<Cam>(); }};
}

MethodEntry gradcam_method() {
  MethodFacts facts;
  facts.name = "gradcam";
  facts.summary = "gradient-weighted class activation map of any layer";
  facts.source = "Selvaraju et al. 2017, eqs. 1 and 2";
  facts.layer = LayerUse::kRequired;
  facts.options = {flag_option("counterfactual", false, "the map of what speaks against the class"),
                   flag_option("relu", true, "drop what is negative")};
  return {std::move(facts),
          [](const Options& o) -> MethodPtr { return std::make_unique<GradCam>(o); }};
}

MethodEntry guided_gradcam_method() {
  MethodFacts facts;
  facts.name = "guided_gradcam";
  facts.summary = "guided backpropagation within the Grad-CAM map";
  facts.source = "Selvaraju et al. 2017, section 3.2";
  facts.layer = LayerUse::kRequired;
  facts.map = MapKind::kReconstruction;
  return {std::move(facts),
          [](const Options&) -> MethodPtr { return std::make_unique<GuidedGradCam>(); }};
}

}  // namespace cutaway::explain
