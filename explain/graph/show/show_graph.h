#pragma once

#include <string>

#include "explain/graph/run/scene.h"
#include "explain/runs/run_folder.h"

namespace cutaway::explain {

/// What `cutaway graph infer` and `graph show` write.
struct ShowOptions {
  std::int64_t nodes{12};       ///< best nodes a layer that are shown
  std::int64_t patches{8};      ///< pictures of each
  double patch{70};             ///< side of a patch where the picture has 224
  std::int64_t pictures{8};     ///< with heat maps, parts and synthesis
  std::int64_t page_nodes{48};  ///< nodes a layer on the interactive page
  std::int64_t page_pictures{48};
};

/// Where the best nodes of every layer are in every picture: positions.json (pixels of the original
/// picture and of the cutting, scores over the layer's mean), positions.h5 (all nodes), and the
/// first pictures with the nodes marked. Files are claimed, and written whole or not at all.
void write_positions(const Scene& scene, const ShowOptions& options, RunFolder& folder);

/// patches_<layer>.png: the best nodes, each a row of the pictures it scores highest in, cut around
/// the node; heat.png: where each layer's nodes are; tree_<picture>.png: a part tree;
/// synthesis.png: what is left of a layer when only its strongest nodes are kept, projected back to
/// pixels; graph.dot; graph.html: choose a node, see its patches, parents, children and places.
void write_pictures(const Scene& scene,
                    const ShowOptions& options,
                    RunFolder& folder,
                    const RunContext& context);

/// A square around a node, cut from a larger cutting of the object (`side` pixels); `patch` of 224
/// parts of it, moved inside near the border, brought to `size` pixels.
[[nodiscard]] Image patch_of(const Scene& scene,
                             const Image& large,
                             std::size_t layer,
                             std::int64_t node,
                             std::int64_t picture,
                             double patch,
                             int size);
/// The same around any place, in pixels of a cutting `picture_side` wide.
[[nodiscard]] Image patch_at(
    const Image& large, int picture_side, const graph::PixelPoint& at, double patch, int size);

/// The interactive page, a single file that needs no network.
[[nodiscard]] std::string graph_page(const Scene& scene,
                                     const std::vector<Image>& large,
                                     const ShowOptions& options);
/// The best nodes and the edges between them in Graphviz's language.
[[nodiscard]] std::string graph_dot(const graph::ExplanatoryGraph& graph, std::int64_t nodes);

/// Back-projection (deconvnet rules) of the layer's maps of one picture, all of them and masked to
/// the entries nearest to the best `share` of its nodes.
struct Synthesis {
  Image whole, masked;
};
[[nodiscard]] std::vector<Synthesis> synthesize(const Scene& scene,
                                                std::size_t layer,
                                                std::int64_t pictures,
                                                double share,
                                                const RunContext& context);

/// Cuttings of the first `count` objects with `side` pixels, mirrored where the scene is.
[[nodiscard]] std::vector<Image> large_cuttings(const Scene& scene, std::int64_t count, int side);

}  // namespace cutaway::explain
