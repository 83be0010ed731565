#include <algorithm>
#include <cmath>

#include "explain/methods/methods.h"
#include "explain/methods/of_class.h"
#include "kernels/vector_sums.h"

namespace cutaway::explain {
namespace {

/// The top eigenvector, scaled by the root of its eigenvalue, of a symmetric positive semidefinite
/// matrix: power iteration from the row sums of |matrix|, in double. Ends when the direction stands
/// still; a gap so small that it does not within the rounds leaves a mixture of vectors that
/// explain equally much.
std::vector<double> top_component(const std::vector<double>& gram,
                                  std::size_t n,
                                  const Observer& observer) {
  std::vector<double> v(n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) v[i] += std::abs(gram[i * n + j]);
    v[i] += 1e-3 * static_cast<double>(i % 7);  // not orthogonal to the answer by symmetry
  }
  double length = 0.0;
  for (int round = 0; round < 20000; ++round) {
    throw_if_cancelled(observer);
    double norm = 0.0;
    for (const double x : v) norm += x * x;
    norm = std::sqrt(norm);
    if (norm == 0.0) return std::vector<double>(n);
    for (double& x : v) x /= norm;
    std::vector<double> next(n);
    double change = 0.0;
    length = 0.0;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) next[i] += gram[i * n + j] * v[j];
      length += next[i] * v[i];
    }
    for (std::size_t i = 0; i < n; ++i) change += std::abs(next[i] - length * v[i]);
    v = std::move(next);
    if (change <= 1e-13 * length) break;
  }
  double norm = 0.0;
  for (const double x : v) norm += x * x;
  const double scale = norm > 0.0 ? std::sqrt(std::max(0.0, length)) / std::sqrt(norm) : 0.0;
  for (double& x : v) x *= scale;
  return v;
}

/// Eigen-CAM (Muhammad & Yeasin 2020): the maps as a matrix X, positions x
/// channels; L = X v1, v1 the first right singular vector, that is u1 s1. Neither class nor
/// gradient. The sign is arbitrary: the side of the larger magnitude is up.
class EigenCam final : public Method {
 public:
  explicit EigenCam(const Options& o) : centered_(o.flag("centered")) {}
  std::string_view name() const noexcept override { return "eigencam"; }
  LayerUse layer_use() const noexcept override { return LayerUse::kRequired; }
  double work(const Graph&) const override { return 0.0; }
  void plan(const Graph& graph, const Setting& setting, Needs& needs) override {
    layer_ = required_layer(setting);
    layer_name_ = graph.node(layer_).name;
    needs.tap(layer_);
  }
  Explanation explain(Passes& passes) const override {
    Explanation e = of_class(passes, "eigencam", "", MapKind::kHeat, layer_name_);
    e.target = TargetKind::kNone;
    e.options = {{"centered", centered_}};
    const Tensor& maps = passes.tap(layer_);
    const Shape& s = maps.shape();
    e.map = zeros({s.n, 1, s.h, s.w});
    const auto plane = static_cast<std::size_t>(s.plane());
    const auto channels = static_cast<std::size_t>(s.c);
    for (std::size_t n = 0; n < static_cast<std::size_t>(s.n); ++n) {
      project(maps.f32().subspan(n * channels * plane, channels * plane), channels,
              e.map.f32().subspan(n * plane, plane), passes.observer());
    }
    return e;
  }

 private:
  void project(std::span<const float> maps,
               std::size_t channels,
               std::span<float> map,
               Observer& observer) const {
    const std::size_t plane = map.size();
    std::vector<double> gram(plane * plane), row(plane);
    for (std::size_t k = 0; k < channels; ++k) {
      throw_if_cancelled(observer);
      observer.progress("eigencam", static_cast<double>(k), static_cast<double>(channels));
      double mean = 0.0;
      for (std::size_t i = 0; i < plane; ++i) mean += static_cast<double>(maps[k * plane + i]);
      mean = centered_ ? mean / static_cast<double>(plane) : 0.0;
      for (std::size_t i = 0; i < plane; ++i)
        row[i] = static_cast<double>(maps[k * plane + i]) - mean;
      for (std::size_t i = 0; i < plane; ++i) {
        kernels::add_scaled(std::span<const double>(row).first(i + 1), row[i],
                            gram.data() + i * plane);
      }
    }
    for (std::size_t i = 0; i < plane; ++i) {
      for (std::size_t j = 0; j < i; ++j) gram[j * plane + i] = gram[i * plane + j];
    }
    std::vector<double> u = top_component(gram, plane, observer);
    const auto [least, most] = std::ranges::minmax(u);
    double total = 0.0;
    for (const double x : u) total += x;
    const bool flip =
        std::abs(least) > std::abs(most) || (std::abs(least) == std::abs(most) && total < 0.0);
    for (std::size_t i = 0; i < plane; ++i) {
      map[i] = static_cast<float>(std::max(0.0, flip ? -u[i] : u[i]));
    }
  }

  bool centered_;
  NodeId layer_{0};
  std::string layer_name_;
};

}  // namespace

MethodEntry eigencam_method() {
  MethodFacts facts;
  facts.name = "eigencam";
  facts.summary = "first principal component of the maps; no class, no gradient";
  facts.source = "Muhammad & Yeasin 2020";
  facts.layer = LayerUse::kRequired;
  facts.target = TargetKind::kNone;
  facts.options = {
      flag_option("centered", false, "channel means are subtracted first, as popular code does")};
  return {std::move(facts),
          [](const Options& o) -> MethodPtr { return std::make_unique<EigenCam>(o); }};
}

}  // namespace cutaway::explain
