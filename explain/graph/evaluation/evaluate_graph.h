#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "explain/graph/run/scene.h"
#include "explain/statistics/jackknife.h"

namespace cutaway::explain {

struct GraphEvaluationOptions {
  std::int64_t nodes{167};  ///< best-ranked nodes (or filters) a layer that are judged
  std::int64_t best{20};    ///< pictures a node is judged by
  /// Groups of pictures left out in turn for the intervals; 0: no intervals.
  std::int64_t samples{200};
  std::int64_t shots{3};     ///< pictures in which a part is shown
  std::int64_t repeats{10};  ///< random choices of them
  /// A node within a part's box, grown by this share of the picture, is on it.
  double tolerance{0.04};
  std::uint64_t seed{0};
  bool choose_first{false};  ///< as the authors' program: pictures first, landmarks then
};

/// Location instability of a layer's best nodes, of its best filters by themselves (by
/// FilterKind), and of random places.
struct InstabilityRow {
  std::string layer;
  Interval graph, normalized, plain, random, still;
  Interval over_normalized, over_plain;  ///< graph over filters

  /// The one that says less for the graph.
  [[nodiscard]] const Interval& stricter() const {
    return over_plain.value > over_normalized.value ? over_plain : over_normalized;
  }
};
/// One measure of a layer's best nodes, and of its best filters by themselves.
struct FilterRow {
  std::string layer;
  Interval graph, normalized, plain;
};
/// How a layer's best nodes sit on annotated parts.
struct HitRow {
  std::string layer;
  Interval hit;  ///< mean share of the pictures that show a node's part in which the node is on it
  Interval normalized, plain, random;  ///< the same of filters, and of random places
  // Of the edges whose ends are on a part in 60 % of the pictures that show it; NaN in the top
  // layer.
  std::int64_t edges{0};
  double same_part{0};       ///< share with a part that both ends are on
  double same_by_chance{0};  ///< the same for all pairs of such nodes
  /// Or on two parts p, q that move together: 1 - var(p - q) / (var p + var q) >= 0.5.
  double together{0};
  double by_chance{0};  ///< the same for all pairs
  // Of those edges, the ones whose child is among the best nodes: what `graph show` draws.
  std::int64_t best_edges{0};
  double best_same_part{0}, best_together{0};
  // And those whose parent is among the best of its layer as well: edges between top nodes.
  std::int64_t top_edges{0};
  double top_together{0};
};
/// Few-shot localisation of a part: mean distance over the picture's diagonal, and share of centres
/// in the box.
struct ShotRow {
  std::string part;
  struct Of {
    Interval distance;
    Interval far;  ///< over the half of the pictures in which the part is farthest from its mean
    double hit{0};
  };
  Of graph, normalized, plain, mean;  ///< mean: the mean of the places shown
};

struct GraphEvaluation {
  std::vector<std::string> landmarks;
  std::vector<InstabilityRow> instability;  ///< a layer each
  InstabilityRow mean;                      ///< over the layers
  std::vector<FilterRow> follow;            ///< following.h
  std::vector<HitRow> hits;
  std::vector<FilterRow> discs;  ///< part_discs.h
  std::vector<ShotRow> shots;
};

/// The nodes judged are those with the largest mean of their `best` largest total scores in these
/// very pictures, not the ones that ranked highest when the graph was learned; filters are chosen in
/// the same way by the value of their strongest cell. Intervals are a jackknife's over the pictures
/// with the nodes, and the parts that they are held to, as chosen from all of them.
/// Throws kInput when no part is annotated in at least eight pictures.
[[nodiscard]] GraphEvaluation evaluate_graph(const Scene& scene,
                                             const GraphEvaluationOptions& options);

/// The tables as text.
[[nodiscard]] std::string to_text(const GraphEvaluation& evaluation);

}  // namespace cutaway::explain
