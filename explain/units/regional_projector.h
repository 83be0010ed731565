#pragma once

#include <memory>
#include <span>
#include <vector>

#include "explain/evaluator.h"
#include "layers/regional/regional_model.h"

namespace cutaway::explain {

/// Projects single units of one layer down to the pixels, forward and backward inside their
/// receptive fields only, many units, of one or many images, in one batch. Equal to the projection
/// through the whole network to rounding.
class RegionalProjector {
 public:
  /// The model must outlive this. Throws kUnsupported when the rules decline a layer below, or when
  /// the network cannot be restricted (RegionalModel).
  RegionalProjector(const Model& model,
                    NodeId layer,
                    const RuleSet& rules,
                    const Evaluator::Resources& resources,
                    std::int64_t batch = 9);

  struct Job {
    std::span<const float> image;  ///< plain c x h x w, preprocessed
    std::int64_t channel, row, column;
  };
  /// What arrives in the part of the image that the unit sees; it is zero elsewhere.
  struct Projection {
    Region region;              ///< of the image
    std::vector<float> pixels;  ///< c x rows x columns of it
    float activation;           ///< of the unit, which is what was seeded
  };
  /// Reports jobs to the observer of the resources as "projections" and throws Cancelled where that
  /// has cancelled.
  [[nodiscard]] std::vector<Projection> project(std::span<const Job> jobs);

  /// Multiply-adds of one unit's forward pass, as a share of the forward pass up to the layer.
  [[nodiscard]] double work() const noexcept { return work_; }

 private:
  void project_batch(std::span<const Job> jobs, std::vector<Projection>& results);

  const Model& model_;
  NodeId layer_;
  Shape image_, plane_;
  std::unique_ptr<RegionalModel> regional_;
  Observer* observer_;
  CancelOnly cancel_;
  std::unique_ptr<Executor> executor_;
  Tensor input_;
  double work_{1.0};
};

}  // namespace cutaway::explain
