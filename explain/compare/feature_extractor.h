#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "explain/compare/feature_matrix.h"
#include "explain/compare/representation.h"
#include "explain/session.h"

namespace cutaway::explain {

/// One representation of pictures at one layer.
struct FeatureRequest {
  NodeId layer{0};  ///< 0: the network's input, the pixels themselves
  Representation representation{Representation::kGap};
  bool with_masks{false};  ///< keep every picture's soft class mask too (DistanceKind::kAligned)
};

/// What was asked for, of all pictures that were added.
struct LayerFeatures {
  FeatureRequest request;
  Shape maps;             ///< of the layer, for one picture
  FeatureMatrix vectors;  ///< a row a picture
  FeatureMatrix masks;    ///< a row of h w weights a picture; no rows unless asked for
};

/// Makes vectors of pictures at several layers, with one forward pass a batch for all of them.
class FeatureExtractor {
 public:
  /// The model must outlive this. The class maps of masks are CAM's where the net ends in global
  /// pooling, else Grad-CAM's of its last maps. Throws kUsage without requests or for a batch below
  /// 1, kUnsupported when masks are wanted and the network has no maps.
  FeatureExtractor(const Model& model,
                   std::vector<FeatureRequest> requests,
                   const Evaluator::Resources& resources,
                   std::int64_t batch = 8);

  [[nodiscard]] std::int64_t batch() const noexcept { return input_.shape().n; }
  /// Adds 1 to batch() pictures, n x c x h x w of the network's input, plain, on the CPU.
  /// `classes`: whose class maps the masks are, one a picture; empty: the most probable ones. A
  /// picture's vectors do not depend on the others of its batch. Throws kShape and kUsage when
  /// something does not fit.
  void add(const Tensor& pictures, std::span<const std::int64_t> classes = {});

  /// Of add(), what remains: the numbers of the last `n` pictures at every request but the pixels,
  /// vectors first, then masks.
  [[nodiscard]] std::vector<float> last_rows(std::int64_t n) const;
  /// Adds pictures whose last_rows() are known already; their predictions are not. Throws kShape
  /// when something does not fit.
  void add_known(const Tensor& pictures, std::span<const float> rows);

  [[nodiscard]] const std::vector<LayerFeatures>& features() const noexcept { return features_; }
  [[nodiscard]] std::vector<LayerFeatures>& features() noexcept { return features_; }
  /// The most probable class of every picture.
  [[nodiscard]] const std::vector<std::int64_t>& predictions() const noexcept {
    return predictions_;
  }

 private:
  void check_pictures(const Shape& pictures) const;
  void add_row(LayerFeatures& to, const Tensor& maps, std::int64_t n, const Tensor& class_maps);

  std::vector<LayerFeatures> features_;
  std::vector<std::int64_t> predictions_;
  NodeId logits_{0};
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<Session> masks_;
  Tensor input_;
};

}  // namespace cutaway::explain
