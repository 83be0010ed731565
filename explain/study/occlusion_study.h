#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <tuple>
#include <vector>

#include "explain/occlusion/occluder.h"
#include "explain/tensor_math.h"
#include "layers/class_head.h"

namespace cutaway::explain {

/// Where the occluder goes (Zeiler & Fergus 2013, section 4.2): rows x columns squares, row by row.
struct OccluderGrid {
  std::int64_t rows{0}, columns{0}, size{0}, stride{0};
  std::vector<Region> squares;
  /// Centre of the square in row i (column j) of the grid, before it was clipped, in pixels.
  std::vector<double> row_centers, column_centers;
};
/// Squares at 0, stride, 2 stride ..., those that lie fully inside; or, `centered`, squares around
/// the points of a grid in the middle of the image, clipped at its borders. Throws kUsage when a
/// square does not fit.
[[nodiscard]] OccluderGrid occluder_grid(const Shape& image,
                                         std::int64_t size,
                                         std::int64_t stride,
                                         bool centered = false);

/// How the map k* of an image is chosen: by its greatest value, or by its sum.
enum class StrongestBy : std::uint8_t { kMaximum, kSum };

/// What an image gives that nothing covers.
struct ClearView {
  std::vector<float> scores;
  std::int64_t map{0};   ///< k*
  Peak strongest{};      ///< its strongest unit
  double activation{0};  ///< sum over that map
};

/// Panels (b), (d), (e): a value a position of the grid.
struct OcclusionPanels {
  std::vector<float> activation;   ///< (b): sum over the map k* of the image that is occluded there
  std::vector<float> probability;  ///< (d): of the class asked for
  std::vector<std::int64_t> best;  ///< (e): the most probable class
};

/// For explain/runs/step_value.h.
[[nodiscard]] inline auto members(OcclusionPanels& p) {
  return std::tie(p.activation, p.probability, p.best);
}

/// Occlusion sensitivity as the paper draws it: class scores and the total activation of one map,
/// while a square moves over an image. Both come from one regional pass (Occluder) over the network
/// with the maps' means appended to its scores, so that they are those of whole passes to rounding.
class OcclusionStudy {
 public:
  /// `maps`: the layer of k*. The model must outlive this. Throws like Occluder, and kUsage when
  /// `maps` is no layer of maps or does not lie below `logits`.
  OcclusionStudy(const Model& model,
                 NodeId logits,
                 NodeId maps,
                 OccluderGrid grid,
                 const Evaluator::Resources& resources,
                 Occluder::Passes passes = Occluder::Passes::kAutomatic);

  [[nodiscard]] const OccluderGrid& grid() const noexcept { return grid_; }
  [[nodiscard]] const Occluder& occluder() const noexcept { return *occluder_; }
  /// `image`: plain c x h x w. k* is the map of the greatest value, or sum; the first on ties.
  [[nodiscard]] ClearView look(std::span<const float> image,
                               StrongestBy by = StrongestBy::kMaximum);
  /// `fill`: what the square is painted with, a value a channel.
  [[nodiscard]] OcclusionPanels occlude(std::span<const float> image,
                                        std::span<const float> fill,
                                        std::int64_t map,
                                        std::int64_t target);

 private:
  OccluderGrid grid_;
  std::int64_t classes_, plane_;
  NodeId maps_;
  ClassHead head_;
  std::unique_ptr<Model> model_;  // the network with another output
  std::unique_ptr<Executor> clear_;
  std::unique_ptr<Occluder> occluder_;
};

}  // namespace cutaway::explain
