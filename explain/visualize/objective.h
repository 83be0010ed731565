#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/tensor.h"

/// What feature visualisation makes large: functions of one layer's activations and their
/// gradients. All are sums over the images of a batch unless said otherwise.
namespace cutaway::explain {

class Objective {
 public:
  virtual ~Objective() = default;
  /// The value at activations `a` (plain, n x C x h x w); adds `weight` times the gradient to
  /// `seed`. Throws kUsage when the layer has no such channel or the shapes do not fit.
  [[nodiscard]] virtual double add(const Tensor& a, float weight, Tensor& seed) const = 0;
};
using ObjectivePtr = std::shared_ptr<const Objective>;

/// The mean of one map.
[[nodiscard]] ObjectivePtr channel_objective(std::int64_t channel);
/// One unit: row and column, or (-1) the centre floor(H/2), floor(W/2). Of class scores: the logit.
[[nodiscard]] ObjectivePtr neuron_objective(std::int64_t channel,
                                            std::int64_t row = -1,
                                            std::int64_t column = -1);
/// Mean over positions of <A_ij, v> max(0.1, cos(A_ij, v))^power; power 0: the dot product alone.
[[nodiscard]] ObjectivePtr direction_objective(std::vector<float> v, double cosine_power = 0.0);
/// Half the squared norm of the layer: the seed is the activation itself (DeepDream).
[[nodiscard]] ObjectivePtr dream_objective();
/// The dot product at each position with the guide's feature vector (1 x C x h' x w') that fits it
/// best.
[[nodiscard]] ObjectivePtr guided_dream_objective(Tensor guide);
/// -||A - target||^2 / ||target||^2 (inversion, Mahendran & Vedaldi 2015).
[[nodiscard]] ObjectivePtr match_objective(Tensor target);
/// Minus the mean over pairs of images of the cosine between their Gram matrices (channels x
/// channels).
[[nodiscard]] ObjectivePtr diversity_objective();
/// The weighted sum of several.
struct WeightedObjective {
  ObjectivePtr objective;
  float weight;
};
[[nodiscard]] ObjectivePtr sum_objective(std::vector<WeightedObjective> parts);

}  // namespace cutaway::explain
