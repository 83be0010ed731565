#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

namespace cutaway::explain {

/// An exact minimum cut between a source and a sink: the augmenting paths with two search trees of
/// Boykov and Kolmogorov ("An experimental comparison of min-cut/max-flow algorithms for energy
/// minimization in vision", PAMI 2004), which is quick on grids. OpenCV has the same algorithm as a
/// private detail, but there nodes that neither side reaches keep whatever label they last had, and
/// the labels then need not be a minimum cut.
class MinCut {
 public:
  /// Nodes without edges; `edges` is how many to make room for.
  explicit MinCut(std::size_t nodes, std::size_t edges = 0);

  /// Edges source -> node and node -> sink; repeated calls add up. Capacities are finite and not
  /// negative.
  void add_terminals(std::size_t node, double from_source, double to_sink);
  /// Edges a -> b and b -> a. a and b differ.
  void add_edges(std::size_t a, std::size_t b, double forward, double backward);

  /// The maximal flow, which is the capacity of the minimum cut. Call it once.
  [[nodiscard]] double solve();
  /// After solve(): can the source still reach the node? Those are the source side of the smallest
  /// minimum cut.
  [[nodiscard]] bool on_source_side(std::size_t node) const {
    return nodes_[node].parent != kFree && !nodes_[node].sink;
  }

 private:
  using Index = std::int32_t;
  static constexpr Index kFree = -1, kTerminal = -2, kOrphan = -3, kNone = -1;

  struct Node {
    Index first{kNone};   ///< first outgoing arc
    Index parent{kFree};  ///< arc to the parent, or one of the above
    std::int32_t stamp{0}, distance{0};
    double room{0};      ///< left of the edge from the source (positive) or to the sink (negative)
    bool sink{false};    ///< in the sink's tree
    bool active{false};  ///< waits in the queue
  };
  struct Arc {
    Index head, next;
    double room;
  };  // arc a ^ 1 goes the other way

  [[nodiscard]] Node& node(Index i) { return nodes_[static_cast<std::size_t>(i)]; }
  [[nodiscard]] Arc& arc(Index a) { return arcs_[static_cast<std::size_t>(a)]; }
  void activate(Index i);
  [[nodiscard]] Index grow();
  [[nodiscard]] Index grow_from(Index i);
  void augment(Index bridge);
  [[nodiscard]] double bottleneck(Index from, bool sink);
  void push(Index from, bool sink, double flow);
  void orphan(Index i);
  void adopt(Index i);
  [[nodiscard]] std::int32_t distance_to_root(Index i);

  std::vector<Node> nodes_;
  std::vector<Arc> arcs_;
  std::deque<Index> queue_, orphans_;
  std::int32_t time_{0};
  double flow_{0};
};

}  // namespace cutaway::explain
