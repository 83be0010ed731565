// Maps weighted by what happens to the class score when a channel masks the image, or is taken
// away.

#include <algorithm>
#include <cmath>

#include "explain/class_probability.h"
#include "explain/methods/methods.h"
#include "explain/methods/of_class.h"
#include "explain/tensor_math.h"

namespace cutaway::explain {
namespace {

std::span<const float> image_of(const Tensor& t, std::int64_t n) {
  const auto size = static_cast<std::size_t>(t.shape().c * t.shape().plane());
  return t.f32().subspan(static_cast<std::size_t>(n) * size, size);
}

/// Score-CAM (Wang et al. 2020): every channel, resampled to the image and scaled to [0, 1], masks
/// the network's input (0 = the mean colour); its weight is what the class gets then. Constant
/// channels count nothing. Form `code` is the authors' code: weight = probability; `paper` is eq.
/// 5: softmax over the channels of S_c(x o H) - S_c(0). One forward pass a channel.
class ScoreCam final : public Method {
 public:
  explicit ScoreCam(const Options& o) : form_(o.text("form")) {}
  std::string_view name() const noexcept override { return "scorecam"; }
  LayerUse layer_use() const noexcept override { return LayerUse::kRequired; }
  void plan(const Graph& graph, const Setting& setting, Needs& needs) override {
    layer_ = required_layer(setting);
    layer_name_ = graph.node(layer_).name;
    needs.tap(layer_);
  }
  double work(const Graph& graph) const override {
    return static_cast<double>(graph.node(layer_).shape.c) + 1.0;
  }

  Explanation explain(Passes& passes) const override {
    Explanation e = of_class(passes, "scorecam", "", MapKind::kHeat, layer_name_);
    e.options = {{"form", form_}};
    const Tensor& maps = passes.tap(layer_);
    std::vector<float> weights;
    for (std::int64_t n = 0; n < maps.shape().n; ++n) {
      const std::vector<float> row = weights_of(passes, maps, n);
      weights.insert(weights.end(), row.begin(), row.end());
    }
    e.map = weighted_sum(maps, weights, true);
    return e;
  }

 private:
  [[nodiscard]] std::vector<float> weights_of(Passes& passes,
                                              const Tensor& maps,
                                              std::int64_t n) const {
    const Shape& s = maps.shape();
    const Shape& image = passes.input().shape();
    const Tensor own = tensor_of({1, s.c, s.h, s.w}, image_of(maps, n));
    const Tensor masks = upsample(own, image.h, image.w);
    const auto plane = static_cast<std::size_t>(image.plane());
    const auto x = image_of(passes.input(), n);
    const std::int64_t target = passes.targets()[static_cast<std::size_t>(n)];
    // Channels that are constant mask nothing and count nothing; the last sample is the baseline 0.
    std::vector<std::int64_t> used;
    for (std::int64_t k = 0; k < s.c; ++k) {
      const auto [least, most] =
          std::ranges::minmax(masks.f32().subspan(static_cast<std::size_t>(k) * plane, plane));
      if (most > least) used.push_back(k);
    }
    const auto count = static_cast<std::int64_t>(used.size());
    std::vector<double> answers(used.size() + 1);
    passes.evaluator({0, passes.setting().logits})
        .run(
            count + 1,
            [&](std::int64_t i, std::span<float> values) {
              if (i == count) {
                std::ranges::fill(values, 0.0f);
                return;
              }
              const auto k = static_cast<std::size_t>(used[static_cast<std::size_t>(i)]);
              mask(x, masks.f32().subspan(k * plane, plane), values);
            },
            [&](const Evaluator::Batch& b) {
              for (std::int64_t i = 0; i < b.count; ++i) {
                answers[static_cast<std::size_t>(b.first + i)] =
                    form_ == "code"
                        ? class_probability(b.scores(i), target, class_head(passes.graph()))
                        : static_cast<double>(b.scores(i)[static_cast<std::size_t>(target)]);
              }
            });
    if (form_ == "paper") softmax(answers);
    std::vector<float> weights(static_cast<std::size_t>(s.c));
    for (std::size_t i = 0; i < used.size(); ++i) {
      weights[static_cast<std::size_t>(used[i])] = static_cast<float>(answers[i]);
    }
    return weights;
  }

  static void mask(std::span<const float> x, std::span<const float> mask, std::span<float> values) {
    const auto [least, most] = std::ranges::minmax(mask);
    for (std::size_t i = 0; i < x.size(); ++i) {
      values[i] = x[i] * (mask[i % mask.size()] - least) / (most - least);
    }
  }

  /// Over all but the last entry, the baseline, which cancels.
  static void softmax(std::vector<double>& answers) {
    answers.pop_back();
    if (answers.empty()) return;
    const double most = *std::ranges::max_element(answers);
    double sum = 0.0;
    for (double& a : answers) sum += a = std::exp(a - most);
    for (double& a : answers) a /= sum;
  }

  std::string form_;
  NodeId layer_{0};
  std::string layer_name_;
};

/// Ablation-CAM (Desai & Ramaswamy 2020, eq. 3): alpha_k = (S_c - S_c with A^k = 0) / S_c, L =
/// ReLU(sum alpha_k A^k). Only the layers above are run for each channel.
class AblationCam final : public Method {
 public:
  std::string_view name() const noexcept override { return "ablationcam"; }
  LayerUse layer_use() const noexcept override { return LayerUse::kRequired; }
  void plan(const Graph& graph, const Setting& setting, Needs& needs) override {
    layer_ = required_layer(setting);
    layer_name_ = graph.node(layer_).name;
    needs.tap(layer_);
  }
  double work(const Graph& graph) const override {
    return static_cast<double>(graph.node(layer_).shape.c) * share_above(graph, layer_);
  }

  Explanation explain(Passes& passes) const override {
    Explanation e = of_class(passes, "ablationcam", "", MapKind::kHeat, layer_name_);
    const Tensor& maps = passes.tap(layer_);
    const Shape& s = maps.shape();
    const auto plane = static_cast<std::size_t>(s.plane());
    std::vector<float> weights(static_cast<std::size_t>(s.n * s.c));
    for (std::int64_t n = 0; n < s.n; ++n) {
      const auto a = image_of(maps, n);
      const auto c = static_cast<std::size_t>(passes.targets()[static_cast<std::size_t>(n)]);
      const double score = static_cast<double>(passes.scores(n)[c]);
      passes.evaluator({layer_, passes.setting().logits})
          .run(
              s.c,
              [&](std::int64_t k, std::span<float> values) {
                std::ranges::copy(a, values.begin());
                std::ranges::fill(values.subspan(static_cast<std::size_t>(k) * plane, plane), 0.0f);
              },
              [&](const Evaluator::Batch& b) {
                for (std::int64_t i = 0; i < b.count; ++i) {
                  const double without = static_cast<double>(b.scores(i)[c]);
                  weights[static_cast<std::size_t>(n * s.c + b.first + i)] =
                      static_cast<float>((score - without) / score);
                }
              });
    }
    e.map = weighted_sum(maps, weights, true);
    return e;
  }

 private:
  NodeId layer_{0};
  std::string layer_name_;
};

}  // namespace

MethodEntry scorecam_method() {
  MethodFacts facts;
  facts.name = "scorecam";
  facts.summary = "maps weighted by the class probability of the image they mask";
  facts.source = "Wang et al. 2020, eq. 5";
  facts.layer = LayerUse::kRequired;
  facts.options = {word_option("form", {"code", "paper"},
                               "code: the authors', weights are probabilities; paper: softmax over "
                               "channels of the logits")};
  return {std::move(facts),
          [](const Options& o) -> MethodPtr { return std::make_unique<ScoreCam>(o); }};
}

MethodEntry ablationcam_method() {
  MethodFacts facts;
  facts.name = "ablationcam";
  facts.summary = "maps weighted by the score lost without them";
  facts.source = "Desai & Ramaswamy 2020, eq. 3";
  facts.layer = LayerUse::kRequired;
  return {std::move(facts),
          [](const Options&) -> MethodPtr { return std::make_unique<AblationCam>(); }};
}

}  // namespace cutaway::explain
