#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "explain/units/tile.h"
#include "layers/executor.h"

namespace cutaway::explain {

/// The rule set of a name: deconvnet (LRN as the identity), deconvnet_lrn (LRN's gradient),
/// gradient, guided. Throws kUsage, listing them, for another.
[[nodiscard]] RuleSet projection_rules(std::string_view name);

/// Brings units of several layers down to the pixels of one image at a time: one forward pass an
/// image, one backward pass a unit (Zeiler & Fergus 2013, section 2.1). Only what lies inside a
/// unit's frame is handed back; outside its receptive field the projection is zero.
class UnitProjector {
 public:
  /// `input`: shape of one image (n = 1). Throws kUnsupported when the rules decline a layer below.
  UnitProjector(const Model& model,
                std::vector<NodeId> layers,
                const RuleSet& rules,
                const Shape& input,
                Stream stream,
                kernels::EngineOptions engines = {});

  [[nodiscard]] const UnitFrame& frame(std::size_t layer) const { return frames_.at(layer); }
  /// Hears projections and may cancel them, between two layers of a pass at the latest. Must outlive
  /// the projector.
  void set_observer(Observer& observer);
  void set_image(const Tensor& image);
  /// Of the image set last, seeded with `value` at each unit of layers[layer]: C x height x width
  /// of its frame.
  [[nodiscard]] std::vector<std::vector<float>> project_units(
      std::size_t layer, std::span<const Executor::Unit> units);

 private:
  std::vector<UnitFrame> frames_;
  Observer* observer_{&silent_observer()};
  std::unique_ptr<CancelOnly> cancel_;
  std::unique_ptr<Executor> executor_;
};

}  // namespace cutaway::explain
