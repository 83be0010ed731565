#pragma once

#include <memory>
#include <string>
#include <vector>

#include "explain/graph/features/graph_features.h"
#include "explain/graph/files/graph_file.h"
#include "explain/graph/instability.h"
#include "explain/graph/records.h"
#include "explain/pictures/objects.h"
#include "explain/runs/run_context.h"
#include "weights/package.h"

namespace cutaway::explain {

/// What every verb but learning begins with.
struct SceneQuery {
  std::string graph, model;
  ObjectQuery objects;
  std::int64_t batch{8};
  FeatureOptions features;
};

/// What filters say without a graph, the baselines of its measurements: the strongest cell of each
/// map, and its value.
enum class FilterKind : std::uint8_t {
  kNormalized,  ///< of the activation weights max(0, x) / deviation that the graph sees
  kPlain        ///< of the layer's output x as it is
};

/// Pictures with the nodes of a graph found in them. Where the graph chooses orientations, cuttings
/// and part boxes are those of the mirrored picture.
struct Scene {
  weights::Package model;
  GraphPackage package;
  std::vector<TapLayer> taps;
  GraphFeatures features;
  std::vector<std::uint8_t> mirror;  ///< an entry a picture; empty when the graph does not mirror
  std::vector<graph::Records> records;  ///< a layer each
  std::vector<graph::Records> plain;    ///< filters(layer, FilterKind::kPlain)
  double forward_seconds{0}, infer_seconds{0};
  int side{0};

  [[nodiscard]] const graph::ExplanatoryGraph& graph() const { return package.graph; }
  [[nodiscard]] std::int64_t images() const {
    return static_cast<std::int64_t>(features.objects.size());
  }
  /// A node's place in a picture, pixels of the cutting.
  [[nodiscard]] graph::PixelPoint place(std::size_t layer,
                                        std::int64_t node,
                                        std::int64_t image) const;
  /// A part of a picture's object in the cutting; null where it is not annotated, seen at least
  /// half, or twice. In a mirrored cutting what was left is right.
  [[nodiscard]] std::unique_ptr<PartBox> part(std::int64_t image, const std::string& name) const;
  /// A record a filter.
  [[nodiscard]] graph::Records filters(std::size_t layer, FilterKind kind) const;
  /// Centres of a part in all pictures.
  [[nodiscard]] graph::Landmark landmark(const std::string& part) const;
};

/// Throws kInput when the graph was learned from another net.
[[nodiscard]] Scene open_scene(const SceneQuery& query, const RunContext& context);

/// A word of file names a layer, no two alike.
[[nodiscard]] std::vector<std::string> layer_words(const graph::ExplanatoryGraph& graph);

}  // namespace cutaway::explain
