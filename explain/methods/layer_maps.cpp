// Maps of one layer from its activations A and the gradients g = dS_c/dA. One forward and one
// backward pass serve them all.

#include <cmath>

#include "explain/methods/methods.h"
#include "explain/methods/of_class.h"
#include "explain/tensor_math.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

using Plane = std::span<const float>;

/// One image's maps: channel k of A and g, and the plane that is composed.
struct Layer2D {
  Plane a, g;
  std::size_t channels, plane;

  [[nodiscard]] Plane activation(std::size_t k) const { return a.subspan(k * plane, plane); }
  [[nodiscard]] Plane gradient(std::size_t k) const { return g.subspan(k * plane, plane); }
};

double sum(Plane values) {
  double total = 0.0;
  for (const float v : values) total += static_cast<double>(v);
  return total;
}

/// map = ReLU(sum over k of term(k, i)).
template <class Term>
void compose(const Layer2D& in, std::span<float> map, const Term& term) {
  std::vector<double> total(map.size());
  for (std::size_t k = 0; k < in.channels; ++k) {
    for (std::size_t i = 0; i < total.size(); ++i) total[i] += term(k, i);
  }
  for (std::size_t i = 0; i < total.size(); ++i) {
    map[i] = static_cast<float>(total[i] > 0.0 || std::isnan(total[i]) ? total[i] : 0.0);
  }
}

double product(double x, double y) { return x * y; }

/// HiResCAM (Draelos & Carin 2020): L = ReLU(sum over k of g^k A^k).
void hirescam(const Layer2D& in, std::span<float> map) {
  compose(in, map, [&](std::size_t k, std::size_t i) {
    return product(static_cast<double>(in.gradient(k)[i]),
                   static_cast<double>(in.activation(k)[i]));
  });
}

/// LayerCAM (Jiang et al. 2021, eq. 5): L = ReLU(sum over k of ReLU(g^k) A^k).
void layercam(const Layer2D& in, std::span<float> map) {
  compose(in, map, [&](std::size_t k, std::size_t i) {
    const float g = in.gradient(k)[i];
    return g > 0.0f ? product(static_cast<double>(g), static_cast<double>(in.activation(k)[i]))
                    : 0.0;
  });
}

/// XGrad-CAM (Fu et al. 2020, eq. 7): alpha_k = sum g A / (sum A + 1e-7), L = ReLU(sum alpha_k
/// A^k).
void xgradcam(const Layer2D& in, std::span<float> map) {
  std::vector<double> alpha(in.channels);
  for (std::size_t k = 0; k < in.channels; ++k) {
    double together = 0.0;
    for (std::size_t i = 0; i < in.plane; ++i) {
      together += static_cast<double>(in.gradient(k)[i]) * static_cast<double>(in.activation(k)[i]);
    }
    alpha[k] = together / (sum(in.activation(k)) + 1e-7);
  }
  compose(in, map, [&](std::size_t k, std::size_t i) {
    return alpha[k] * static_cast<double>(in.activation(k)[i]);
  });
}

/// Grad-CAM++ (Chattopadhay et al. 2018, eq. 19 with Y = exp(S_c), whose exponentials cancel):
/// alpha = g^2 / (2 g^2 + g^3 sum A) where g > 0, w_k = sum alpha ReLU(g), L = ReLU(sum w_k A^k).
/// `normalized`: alpha is divided by its sum over the map, as the authors' code does.
void gradcam_plus_plus(const Layer2D& in, std::span<float> map, bool normalized) {
  std::vector<double> weight(in.channels);
  for (std::size_t k = 0; k < in.channels; ++k) {
    const double total = sum(in.activation(k));
    double alphas = 0.0;
    for (const float value : in.gradient(k)) {
      const double g = static_cast<double>(value);
      if (!(g > 0.0)) continue;
      const double below = 2.0 * g * g + g * g * g * total;
      const double alpha = below == 0.0 ? 0.0 : g * g / below;
      alphas += alpha;
      weight[k] += alpha * g;
    }
    if (normalized && alphas != 0.0) weight[k] /= alphas;
  }
  compose(in, map, [&](std::size_t k, std::size_t i) {
    return weight[k] * static_cast<double>(in.activation(k)[i]);
  });
}

/// A method of this family: which formula, and its options.
class LayerMap final : public Method {
 public:
  using Formula = std::function<void(const Layer2D&, std::span<float>)>;
  LayerMap(std::string name, Formula formula, Attributes options)
      : name_(std::move(name)), formula_(std::move(formula)), options_(std::move(options)) {}
  std::string_view name() const noexcept override { return name_; }

  LayerUse layer_use() const noexcept override { return LayerUse::kRequired; }
  void plan(const Graph& graph, const Setting& setting, Needs& needs) override {
    layer_ = required_layer(setting);
    layer_name_ = graph.node(layer_).name;
    needs.tap(layer_);
    pass_ = needs.backward(gradient_rules(), setting.logits, layer_);
  }

  Explanation explain(Passes& passes) const override {
    Explanation e = of_class(passes, name_, "gradient", MapKind::kHeat, layer_name_);
    e.options = options_;
    const Tensor& maps = passes.tap(layer_);
    const Tensor& gradient = passes.gradient(pass_, layer_);
    const Shape& s = maps.shape();
    e.map = zeros({s.n, 1, s.h, s.w});
    const auto plane = static_cast<std::size_t>(s.plane());
    const auto channels = static_cast<std::size_t>(s.c);
    for (std::size_t n = 0; n < static_cast<std::size_t>(s.n); ++n) {
      const std::size_t size = channels * plane;
      formula_({maps.f32().subspan(n * size, size), gradient.f32().subspan(n * size, size),
                channels, plane},
               e.map.f32().subspan(n * plane, plane));
    }
    return e;
  }

 private:
  std::string name_;
  Formula formula_;
  Attributes options_;
  NodeId layer_{0};
  std::string layer_name_;
  std::size_t pass_{0};
};

MethodFacts layer_facts(const char* name, const char* summary, const char* source) {
  MethodFacts facts;
  facts.name = name;
  facts.summary = summary;
  facts.source = source;
  facts.layer = LayerUse::kRequired;
  return facts;
}

}  // namespace

MethodEntry hirescam_method() {
  return {layer_facts("hirescam", "gradient times activation at each place, summed over channels",
                      "Draelos & Carin 2020"),
          [](const Options&) -> MethodPtr {
            return std::make_unique<LayerMap>("hirescam", hirescam, Attributes());
          }};
}

MethodEntry xgradcam_method() {
  return {layer_facts("xgradcam", "Grad-CAM with weights that conserve the score",
                      "Fu et al. 2020, eq. 7"),
          [](const Options&) -> MethodPtr {
            return std::make_unique<LayerMap>("xgradcam", xgradcam, Attributes());
          }};
}

MethodPtr make_single_layercam(Attributes options) {
  return std::make_unique<LayerMap>("layercam", layercam, std::move(options));
}

MethodEntry gradcam_plus_plus_method() {
  MethodFacts facts =
      layer_facts("gradcam++", "Grad-CAM with weights for several instances of a class",
                  "Chattopadhay et al. 2018, eq. 19");
  facts.options = {
      flag_option("refcode", false, "weights divided by their sum, as the authors' code does")};
  return {std::move(facts), [](const Options& o) -> MethodPtr {
            const bool normalized = o.flag("refcode");
            return std::make_unique<LayerMap>(
                "gradcam++",
                [normalized](const Layer2D& in, std::span<float> map) {
                  gradcam_plus_plus(in, map, normalized);
                },
                o.all());
          }};
}

}  // namespace cutaway::explain
