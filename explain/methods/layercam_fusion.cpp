#include <algorithm>
#include <cmath>

#include "explain/methods/methods.h"
#include "explain/methods/of_class.h"
#include "explain/tensor_math.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> all;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t to = std::min(text.find(',', from), text.size());
    all.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  return all;
}

/// LayerCAM over several stages (Jiang et al. 2021, section III-C): every layer's map, resampled to
/// the input's size and divided by its maximum; those finer than the coarsest are boosted by
/// tanh(gamma L / max L); the maximum over the stages wins.
class LayerCamFusion final : public Method {
 public:
  LayerCamFusion(std::string layers, double gamma) : layers_(std::move(layers)), gamma_(gamma) {}
  std::string_view name() const noexcept override { return "layercam"; }

  void plan(const Graph& graph, const Setting& setting, Needs& needs) override {
    for (const std::string& layer : words(layers_)) {
      Setting one = setting;
      one.layer = graph.find(layer);
      height_.push_back(graph.node(one.layer).shape.h);
      stages_.push_back(make_single_layercam({}));
      stages_.back()->plan(graph, one, needs);
    }
  }

  Explanation explain(Passes& passes) const override {
    Explanation e = of_class(passes, "layercam", "gradient", MapKind::kHeat, layers_);
    e.options = {{"layers", layers_}, {"gamma", gamma_}};
    const Shape& image = passes.input().shape();
    e.map = zeros({image.n, 1, image.h, image.w});
    const std::int64_t coarsest = *std::ranges::min_element(height_);
    for (std::size_t k = 0; k < stages_.size(); ++k) {
      const Tensor stage = upsample(stages_[k]->explain(passes).map, image.h, image.w);
      fuse(stage, height_[k] > coarsest, e.map);
    }
    return e;
  }

 private:
  void fuse(const Tensor& stage, bool boost, Tensor& map) const {
    const auto plane = static_cast<std::size_t>(stage.shape().plane());
    for (std::size_t first = 0; first < stage.f32().size(); first += plane) {
      const auto values = stage.f32().subspan(first, plane);
      const float most = *std::ranges::max_element(values);
      if (!(most > 0.0f)) continue;
      for (std::size_t i = 0; i < plane; ++i) {
        const double share = static_cast<double>(values[i] / most);
        const double shown = boost ? std::tanh(gamma_ * share) : share;
        map.f32()[first + i] = std::max(map.f32()[first + i], static_cast<float>(shown));
      }
    }
  }

  std::string layers_;
  double gamma_;
  std::vector<MethodPtr> stages_;
  std::vector<std::int64_t> height_;
};

}  // namespace

MethodEntry layercam_method() {
  MethodFacts facts;
  facts.name = "layercam";
  facts.summary = "positive gradients times activation; works at early layers too";
  facts.source = "Jiang et al. 2021, eq. 5, section III-C";
  facts.layer = LayerUse::kRequired;
  facts.options = {
      text_option("layers", "", "names of layers with commas, whose maps are fused"),
      number_option("gamma", 2.0, 0.0, 1e6, "of the fusion: how much finer maps are boosted")};
  return {std::move(facts), [](const Options& o) -> MethodPtr {
            const std::string& layers = o.text("layers");
            if (layers.empty()) return make_single_layercam(o.all());
            return std::make_unique<LayerCamFusion>(layers, o.number("gamma"));
          }};
}

}  // namespace cutaway::explain
