#pragma once

#include <memory>
#include <span>
#include <vector>

#include "layers/executor.h"
#include "layers/regional/reach.h"
#include "layers/regional/window.h"

namespace cutaway {

/// A network in which every value holds only a window of its plane, a different one for every image
/// of the batch: the parts of a forward and backward pass that matter, computed as small planes by
/// the ordinary layers, planner and rules. Results equal those of the whole network to rounding: a
/// halo is cut from the neighbouring values, and what lies outside a plane is that layer's padding,
/// not convolved padding.
///
/// The windows of one value all have the same extents, those of the largest region; a window whose
/// region is smaller (at a border) is moved, not shrunk, so all images run in one batch.
class RegionalModel {
 public:
  /// What must be computed anew when one of the regions `changed` of the input changes, up to
  /// `output`. Values outside come from a pass over the unchanged image (bind()).
  [[nodiscard]] static RegionalModel affected(const Model& full,
                                              std::span<const Region> changed,
                                              NodeId output);
  /// What must be computed to know the units `wanted` (regions of node `node`), and to bring a
  /// signal from there down to the input.
  [[nodiscard]] static RegionalModel needed(const Model& full,
                                            std::span<const Region> wanted,
                                            NodeId node);

  /// The restricted network; its input is the window of the input that the first layer reads, its
  /// last node the output. Shares the parameters of the full one.
  [[nodiscard]] const Model& model() const noexcept { return *model_; }
  /// Nodes of the full network whose whole outputs bind() reads.
  [[nodiscard]] const std::vector<NodeId>& sources() const noexcept { return sources_; }
  /// Takes the values of the unchanged image from a plan of the full network (one image, sources()
  /// tapped). They are read in place: `full` must live, and not run again, while this is used.
  void bind(const Executor& full);

  /// Where the windows of one image's input, and of its output, begin in their planes; the input's
  /// may begin outside, where the input is 0.
  struct Place {
    std::int64_t input_row, input_column, output_row, output_column;
  };
  /// Sets the windows of the next pass: one of the regions given at construction for each image.
  [[nodiscard]] std::vector<Place> place(std::span<const Region> regions, Stream& stream);

 private:
  struct Extent {
    std::int64_t h{0}, w{0};
  };
  struct Corner {
    std::int64_t row{0}, column{0};
    friend bool operator==(const Corner&, const Corner&) = default;
  };
  struct Cut {                // one WindowLayer
    NodeId source, consumer;  // nodes of the full network
    std::shared_ptr<WindowState> state;
  };

  RegionalModel(const Model& full, bool affected, std::span<const Region> regions, NodeId node);
  [[nodiscard]] std::vector<Region> regions_for(const Region& region) const;
  void measure(std::span<const Region> regions);
  void build();
  [[nodiscard]] bool is_whole(NodeId node) const;
  [[nodiscard]] bool keeps_padding(NodeId consumer) const;
  /// What `consumer` reads of its input number `input`.
  [[nodiscard]] Extent read_extent(NodeId consumer, std::size_t input) const;
  [[nodiscard]] Corner read_corner(NodeId consumer, std::span<const Region> regions) const;
  [[nodiscard]] Corner corner(NodeId node, std::span<const Region> regions) const;
  [[nodiscard]] LayerPtr layer_for(NodeId node) const;
  void add_cut(Graph& graph, NodeId consumer, std::size_t input, std::vector<NodeId>& inputs);

  const Model& full_;
  bool affected_;
  NodeId target_;
  std::vector<Shape> shapes_;              // of the full network, one image
  std::vector<Extent> extents_;            // of every node's window; 0: not computed
  std::vector<std::vector<bool>> direct_;  // [node][input]: it reads the input's window as it is
  std::vector<NodeId> nodes_;              // node of the restricted network
  std::unique_ptr<Model> model_;
  std::vector<Cut> cuts_;
  std::vector<NodeId> sources_;
  NodeId first_consumer_{-1};
};

}  // namespace cutaway
