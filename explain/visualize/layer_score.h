#pragma once

#include <memory>
#include <optional>

#include "explain/visualize/objective.h"
#include "layers/executor.h"

namespace cutaway::explain {

/// The nodes that `last` depends on, for pictures of another size; parameters are copied. Throws
/// kShape when a layer on the way takes one size only.
[[nodiscard]] Model subnet(const Model& model, NodeId last, const Shape& image);

/// An objective at a layer as a function of the net's input: what an ascent climbs. The model must
/// outlive it and is never changed.
class LayerScore {
 public:
  /// `input` n x c x h x w may have other extents than the graph's own where the layers below
  /// `node` allow it.
  LayerScore(const Model& model,
             NodeId node,
             const Shape& input,
             Stream stream,
             const kernels::EngineOptions& engines = {});

  /// The layer's activations at x.
  [[nodiscard]] Tensor activations(const Tensor& x);
  /// The objective at x; dx becomes its gradient. `rescue`: ReLUs that would let nothing pass are
  /// helped (explain/visualize/rescue.h).
  [[nodiscard]] double ascend(const Tensor& x,
                              const Objective& objective,
                              Tensor& dx,
                              bool rescue = false);
  [[nodiscard]] const Shape& input() const noexcept { return input_; }

  /// Hears the steps of ascents that climb this score and may cancel them: they then throw
  /// Cancelled, between two layers of a pass at the latest. Must outlive the score.
  void set_observer(Observer& observer);
  [[nodiscard]] Observer& observer() const noexcept { return *observer_; }

 private:
  Shape input_;
  std::optional<Model> part_;
  std::unique_ptr<Executor> executor_;
  Observer* observer_{&silent_observer()};
  std::unique_ptr<CancelOnly> cancel_;
};

}  // namespace cutaway::explain
