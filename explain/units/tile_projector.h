#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "explain/units/project.h"
#include "explain/units/regional_projector.h"

namespace cutaway::explain {

/// Brings units of several layers down to the pixels, each in its frame (UnitFrame). Where the
/// units of a layer see little enough of the image, forward and backward run inside their receptive
/// fields, many units of any images in one batch (RegionalProjector); for other layers through the
/// whole network, one forward pass an image (UnitProjector). Both give the same tiles to rounding.
class TileProjector {
 public:
  enum class Passes : std::uint8_t { kAutomatic, kRegional, kWhole };
  /// `input`: shape of one image (n = 1). The model must outlive this. Throws kUnsupported when the
  /// rules decline a layer below, or when regional passes are asked for and the network cannot be
  /// restricted.
  TileProjector(const Model& model,
                std::vector<NodeId> layers,
                const RuleSet& rules,
                const Shape& input,
                const Evaluator::Resources& resources,
                Passes passes = Passes::kAutomatic);

  [[nodiscard]] const UnitFrame& frame(std::size_t layer) const { return frames_.at(layer); }
  [[nodiscard]] bool regional(std::size_t layer) const { return regional_.at(layer) != nullptr; }
  /// How many jobs of this layer one pass takes at most; 1 where it goes through the whole network.
  [[nodiscard]] std::size_t batch(std::size_t layer) const;

  /// A unit of an image; `image` (plain, 1 x c x h x w) must live while the jobs are projected.
  /// Jobs of one image through the whole network share its forward pass, from one call to the next
  /// as long as `number` stays the same.
  struct Job {
    const Tensor* image;
    std::int64_t number;  ///< of the image
    Executor::Unit unit;
  };
  /// C x height x width of the frame for each job, seeded with the unit's activation in its image
  /// (regional), or its `value` (whole).
  [[nodiscard]] std::vector<std::vector<float>> project(std::size_t layer,
                                                        std::span<const Job> jobs);

 private:
  [[nodiscard]] std::vector<float> in_frame(std::size_t layer,
                                            const RegionalProjector::Projection& projection,
                                            const Executor::Unit& unit) const;

  std::int64_t channels_;
  std::vector<UnitFrame> frames_;
  std::vector<std::unique_ptr<RegionalProjector>>
      regional_;                       // a layer; empty: through the whole network
  std::vector<std::size_t> whole_at_;  // a layer: its place in whole_
  std::unique_ptr<UnitProjector> whole_;
  std::int64_t set_{-1};  // the image that whole_ has
};

}  // namespace cutaway::explain
