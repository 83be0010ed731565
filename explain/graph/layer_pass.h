#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "explain/graph/config.h"
#include "explain/graph/feature_maps.h"
#include "explain/graph/layer_spec.h"
#include "explain/graph/records.h"
#include "explain/graph/staging.h"
#include "runtime/stream.h"

namespace cutaway::explain::graph {

/// How far every node of the layer above stands from its mean position in every image, in cells of
/// this layer.
struct Motion {
  Rows h, w;
};
/// ratio (position - mean), ratio = parent stride / own stride.
[[nodiscard]] Motion motion_of(const Records& parents,
                               std::span<const float> mean_h,
                               std::span<const float> mean_w,
                               double ratio);

/// Sums over images that the update of a layer needs: N x kPatternSums (kernels/pattern_graph.h),
/// and the evidence-weighted sum of the log mixture with the evidence, for watching convergence.
struct PassSums {
  std::vector<double> nodes;
  bool likelihood{false};  ///< asks for the next two, which cost a logarithm a candidate
  double log_mix{0}, evidence{0};
};

/// What a pass looks at: a shard of the images and where the layer's nodes are expected.
struct PassInput {
  const FeatureMaps& features;
  std::span<const std::uint8_t> mirror;  ///< an image each; empty: none is mirrored
  const Motion* motion;                  ///< of the layer above; null without parents
  std::span<const float> mu_h, mu_w;     ///< mean positions, cells, a node each
};

/// One pass over the images with fixed parameters: where every node is, and how well it fits. On a
/// CUDA device features are copied once and kept; they must not change between passes.
class LayerPass {
 public:
  LayerPass(const LayerSpec& spec, const Config& config);

  [[nodiscard]] std::span<const std::int32_t> radius() const noexcept { return radius_; }
  /// Each node's own standard deviation, cells.
  [[nodiscard]] std::span<const float> sigma() const noexcept { return sigma_; }
  [[nodiscard]] double least_sigma() const;

  /// Every node stays where it is: sigma = initial S.
  void without_parents(std::span<const float> delta);
  /// N x parents edges to nodes whose scale is parent_delta cells of the layer above; -1 is no
  /// edge, and a node without any stays where it is.
  void with_parents(std::span<const float> delta,
                    std::span<const std::int32_t> edges,
                    std::int64_t parents,
                    std::span<const float> parent_delta,
                    double ratio);

  /// Finds all nodes in all images. `sums`, where wanted, are added to.
  void run(Stream& stream, const PassInput& input, Records& records, PassSums* sums = nullptr);

 private:
  void set_radius(std::span<const float> delta);
  void finish_sigma();
  [[nodiscard]] std::vector<float> predict(Stream& stream,
                                           const Motion& motion,
                                           std::int64_t images);
  [[nodiscard]] kernels::PatternMaps place(const Stream& stream,
                                           const FeatureMaps& features,
                                           std::span<const std::uint8_t> mirror);

  LayerSpec spec_;
  Config config_;
  std::vector<std::int32_t> radius_, window_;
  std::vector<float> sigma_, density_sigma_;
  std::vector<double> mass_;
  std::int64_t parents_{0};
  std::vector<std::int32_t> edges_;
  std::vector<float> weight_, variance_, log_scale_;
  Rows shift_h_, shift_w_, strength_;
  // Where the last prediction left them for the step.
  const float *shift_h_at_{}, *shift_w_at_{}, *strength_at_{};
  Staging prediction_, step_;
  std::map<const FeatureMaps*, Buffer> placed_;
};

}  // namespace cutaway::explain::graph
