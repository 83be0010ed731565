// Methods that share out the class score: relevance propagation and excitation backpropagation.

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>

#include "explain/methods/conservation.h"
#include "explain/methods/methods.h"
#include "explain/network.h"
#include "explain/rules/lrp.h"
#include "explain/tensor_math.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

/// "1.5,2,-3", or nothing where the option was not given. Options has checked the text.
std::vector<float> numbers(const Options& o, const std::string& name) {
  std::vector<float> values;
  if (!o.given(name)) return values;
  const std::string& text = o.text(name);
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    float value = 0.0f;
    at = std::from_chars(at, end, value).ptr + 1;  // over the comma
    values.push_back(value);
  }
  return values;
}

std::string joined(const std::vector<float>& values) {
  std::string text;
  for (const float v : values) {
    char part[32];
    std::snprintf(part, sizeof part, "%s%.9g", text.empty() ? "" : ",", static_cast<double>(v));
    text += part;
  }
  return text;
}

/// Layer-wise relevance propagation (Bach et al. 2015; Montavon et al. 2019) of the score S_c,
/// seeded with its value, summed over the pixels' channels. The note of an image says how much
/// relevance was lost or made: conservation_residual = (sum R - S) / |S|.
class Lrp final : public Method {
 public:
  explicit Lrp(const Options& o) {
    rules_.composite = o.text("composite");
    rules_.epsilon = o.number("epsilon");
    rules_.gamma = o.number("gamma");
    rules_.alpha = o.number("alpha");
    rules_.beta = o.number("beta");
    rules_.low = numbers(o, "low");
    rules_.high = numbers(o, "high");
    rules_.bias = o.text("bias") == "include";
    const bool tutorial = rules_.composite == "vgg_tutorial";
    rules_.average_max = o.given("maxpool") ? o.text("maxpool") == "average" : tutorial;
    LrpOptions check =
        rules_;  // refuses what cannot be before there is a net; the box may still come
    if (check.low.empty()) check.low = check.high;
    if (check.high.empty()) check.high = check.low;
    if (check.low.empty()) check.low = check.high = {0.0f};
    (void)lrp_rules(check);
  }
  std::string_view name() const noexcept override { return "lrp"; }

  void plan(const Graph& graph, const Setting& setting, Needs& needs) override {
    const auto fits = [&](const std::vector<float>& v) {
      return v.size() <= 1 || static_cast<std::int64_t>(v.size()) == graph.node(0).shape.c;
    };
    if (!fits(rules_.low) || !fits(rules_.high)) {
      throw Error(ErrorKind::kUsage, "low and high")
          .expected("one number, or one for each of " + std::to_string(graph.node(0).shape.c) +
                    " channels");
    }
    logits_ = setting.logits;
    needs.tap(logits_);
    pass_ = needs.backward(lrp_rules(rules_), logits_, 0);
  }

  Explanation explain(Passes& passes) const override {
    const Tensor& scores = passes.tap(logits_);
    Explanation e;
    e.method = "lrp";
    e.rules = rules_.composite;
    e.layer = "input";
    e.kind = MapKind::kSigned;
    e.options = options();
    std::vector<Executor::Unit> seeds;
    for (std::int64_t n = 0; n < scores.shape().n; ++n) {
      const std::int64_t target = passes.targets()[static_cast<std::size_t>(n)];
      e.targets.push_back(target);
      seeds.push_back({target, 0, 0, scores.ref().in().at(n, target, 0, 0)});
    }
    e.map = reduce_channels(passes.gradient(pass_, 0, seeds), kernels::ChannelReduction::kSum);
    for (std::int64_t n = 0; n < scores.shape().n; ++n) {
      const double score = static_cast<double>(seeds[static_cast<std::size_t>(n)].value);
      const double sum = sum_of_image(e.map, n);
      const double residual = conservation_residual(sum, score);
      char note[128];
      std::snprintf(note, sizeof note, "score %.6g, relevance %.6g, conservation_residual %.3g",
                    score, sum, residual);
      e.notes.emplace_back(note);
      e.measures.push_back({{"conservation_residual", residual}});
    }
    return e;
  }

 private:
  [[nodiscard]] Attributes options() const {
    Attributes o{{"composite", rules_.composite},
                 {"epsilon", rules_.epsilon},
                 {"gamma", rules_.gamma},
                 {"alpha", rules_.alpha},
                 {"beta", rules_.beta},
                 {"bias", std::string(rules_.bias ? "include" : "exclude")},
                 {"maxpool", std::string(rules_.average_max ? "average" : "switches")}};
    if (!rules_.low.empty()) o.set("low", joined(rules_.low));
    if (!rules_.high.empty()) o.set("high", joined(rules_.high));
    return o;
  }

  LrpOptions rules_;
  NodeId logits_{0};
  std::size_t pass_{0};
};

/// The node whose weights make the class scores: the last convolution or dense layer on the way up.
NodeId classifier_of(const Graph& graph, NodeId logits) {
  NodeId id = logits;
  while (id > 0) {
    const LayerKind kind = graph.node(id).layer->kind();
    if (kind == LayerKind::kConv || kind == LayerKind::kDense) return id;
    if (graph.node(id).inputs.size() != 1) break;
    id = graph.node(id).inputs[0];
  }
  throw Error(ErrorKind::kUnsupported, "no single layer makes the class scores")
      .at(graph.node(logits).name);
}

/// The layer of excitation maps when none is named (Zhang et al. 2016, section 4: the maps at a
/// middle layer localise best; they take pool2 of GoogLeNet and pool4 of VGG-16): the deepest one
/// that all of the signal passes through and that is at least an eighth as large as the picture
/// (28x28 of 224x224).
NodeId middle_layer(const Graph& graph, NodeId from) {
  const Shape& picture = graph.node(0).shape;
  std::vector<NodeId> reach(static_cast<std::size_t>(from) + 1,
                            0);  // the highest node an edge from below leads to
  for (NodeId id = 1; id <= from; ++id) {
    for (const NodeId in : graph.node(id).inputs) {
      reach[static_cast<std::size_t>(in)] = std::max(reach[static_cast<std::size_t>(in)], id);
    }
  }
  NodeId best = 0, farthest = 0;
  for (NodeId id = 1; id < from; ++id) {
    farthest = std::max(farthest, reach[static_cast<std::size_t>(id - 1)]);
    const Shape& s = graph.node(id).shape;
    if (farthest <= id && 8 * s.h >= picture.h && 8 * s.w >= picture.w &&
        reach[static_cast<std::size_t>(id)] > id)
      best = id;
  }
  return best;
}

/// Excitation backpropagation (Zhang et al. 2016, eq. 10): the probability that a
/// winner-take-all walk from the class ends at each position; sums to 1 where everything is
/// positive (measure `sum`). Contrastive: minus the walk of the negated classifier. The difference
/// is taken below the classifier and goes down signed; what is negative is dropped at the map, as
/// the authors' code and TorchRay do. (Dropped below the classifier nothing would be contrasted: a
/// weight is positive in one of the two walks only, so the difference is the plain walk where it is
/// positive.)
class Excitation final : public Method {
 public:
  explicit Excitation(const Options& o)
      : wanted_(o.text("layer")), contrastive_(o.flag("contrastive")) {}
  std::string_view name() const noexcept override { return "excitation"; }
  LayerUse layer_use() const noexcept override {
    return wanted_.empty() ? LayerUse::kOptional : LayerUse::kNone;
  }
  double work(const Graph&) const override { return contrastive_ ? 6.0 : 2.0; }

  void plan(const Graph& graph, const Setting& setting, Needs& needs) override {
    const NodeId classifier = classifier_of(graph, setting.logits);
    below_ = graph.node(classifier).inputs[0];
    choose_layer(graph, setting);
    layer_name_ = layer_ == 0 ? "input" : graph.node(layer_).name;
    if (!contrastive_) {
      pass_ = needs.backward(excitation_rules(), setting.logits, layer_);
      return;
    }
    if (layer_ > below_) {
      throw Error(ErrorKind::kUsage, "contrastive excitation starts below the classifier")
          .expected("'" + graph.node(below_).name + "' or a layer below it")
          .got("'" + layer_name_ + "'");
    }
    pass_ = needs.backward(excitation_rules(), setting.logits, below_);
    against_ = needs.backward(excitation_rules(classifier), setting.logits, below_);
    if (layer_ != below_) down_ = needs.backward(excitation_rules(), below_, layer_);
  }

  Explanation explain(Passes& passes) const override {
    Explanation e;
    e.method = "excitation";
    e.rules = contrastive_ ? "contrastive excitation" : "excitation";
    e.layer = layer_name_;
    e.kind = MapKind::kHeat;
    e.options = {{"layer", layer_name_}, {"layer_choice", why_}, {"contrastive", contrastive_}};
    e.targets.assign(passes.targets().begin(), passes.targets().end());
    constexpr auto kSum = kernels::ChannelReduction::kSum;
    e.map = contrastive_ ? reduce_channels(contrast(passes), kSum)
                         : reduce_channels(passes.gradient(pass_, layer_), kSum);
    for (std::int64_t n = 0; n < e.map.shape().n; ++n) {
      e.measures.push_back({{"sum", sum_of_image(e.map, n)}});
    }
    if (contrastive_) {
      for (float& v : e.map.f32()) v = v < 0.0f ? 0.0f : v;
    }
    return e;
  }

 private:
  void choose_layer(const Graph& graph, const Setting& setting) {
    if (!wanted_.empty()) {
      layer_ = wanted_ == "input" ? 0 : graph.find(wanted_);
      why_ = "option layer";
    } else if (setting.layer_named) {
      layer_ = required_layer(setting);
      why_ = setting.layer_why;
    } else {
      layer_ = middle_layer(graph, setting.logits);
      why_ =
          "the deepest layer everything passes through of at least an eighth of the picture's size";
    }
  }

  [[nodiscard]] Tensor contrast(Passes& passes) const {
    Tensor difference = passes.gradient(pass_, below_).clone();
    const Tensor& against = passes.gradient(against_, below_);
    for (std::size_t i = 0; i < difference.f32().size(); ++i) {
      difference.f32()[i] -= against.f32()[i];
    }
    if (layer_ == below_) return difference;
    return passes.gradient(down_, layer_, difference);
  }

  std::string wanted_, layer_name_, why_;
  bool contrastive_;
  NodeId layer_{0}, below_{0};
  std::size_t pass_{0}, against_{0}, down_{0};
};

}  // namespace

MethodEntry lrp_method() {
  MethodFacts facts;
  facts.name = "lrp";
  facts.summary = "layer-wise relevance propagation of the class score: rules and composites";
  facts.source = "Bach et al. 2015; Montavon et al. 2019";
  facts.map = MapKind::kSigned;
  constexpr double kUnbounded = std::numeric_limits<double>::infinity();
  const LrpOptions defaults;
  OptionFact composite = word_option("composite", lrp_composites(), "which layer gets which rule");
  composite.otherwise = defaults.composite;
  OptionFact low = channels_option("low", std::nullopt, {},
                                   "least number the net sees for a pixel (the box of z^B)");
  OptionFact high = channels_option("high", std::nullopt, {},
                                    "greatest number the net sees for a pixel (the box of z^B)");
  low.pixel = PixelFact::kLow;
  high.pixel = PixelFact::kHigh;
  facts.options = {
      std::move(composite),
      number_option("epsilon", defaults.epsilon, 0.0, kUnbounded,
                    "stabiliser of dense layers and of the uniform epsilon rule"),
      number_option("gamma", defaults.gamma, 0.0, kUnbounded,
                    "how much positive weights are favoured"),
      number_option("alpha", defaults.alpha, 1.0, 1e6 + 1.0,
                    "share of positive contributions; alpha - beta is 1"),
      number_option("beta", defaults.beta, 0.0, 1e6, "share of negative contributions"),
      std::move(low),
      std::move(high),
      word_option("bias", {"include", "exclude"}, "whether biases take their share of relevance"),
      word_option("maxpool", {"switches", "average"},
                  "how relevance passes max pooling (vgg_tutorial: average unless given)")};
  return {std::move(facts), [](const Options& o) -> MethodPtr { return std::make_unique<Lrp>(o); }};
}

MethodEntry excitation_method() {
  MethodFacts facts;
  facts.name = "excitation";
  facts.summary = "excitation backpropagation, contrastive if asked, to a middle layer";
  facts.source = "Zhang et al. 2016, eq. 10";
  facts.layer = LayerUse::kOptional;
  facts.options = {
      text_option("layer", "",
                  "where the walk ends: a layer, or input; otherwise the run's layer if one was "
                  "named, or the deepest that everything passes through of at least an eighth of "
                  "the picture's size"),
      flag_option("contrastive", false, "minus the walk of the negated classifier")};
  return {std::move(facts),
          [](const Options& o) -> MethodPtr { return std::make_unique<Excitation>(o); }};
}

}  // namespace cutaway::explain
