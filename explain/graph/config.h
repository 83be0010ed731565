#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// The explanatory graph of a trained network: which parts of an object its filters have learned,
/// each part a node, nodes of neighbouring layers joined where they move together (Zhang, Cao, Shi,
/// Wu, Zhu, "Interpreting CNN knowledge via an explanatory graph", AAAI 2018, arXiv 1708.01785;
/// Zhang et al., TPAMI 43(11), 2021, arXiv 1812.07997). Indices and coordinates count from 0; a
/// position is (row, column); a cell is one entry of a feature map, a pixel one of the net's input.
/// Layers are numbered from the shallowest, 0, to the top.
namespace cutaway::explain::graph {

/// How the disagreement of a node's parents scales its density, with e the half weighted sum of
/// squared differences of their predictions, s the node's standard deviation, D the parents'
/// scales, M their number.
enum class Strength : std::uint8_t {
  kGeometric,  ///< exp(-e) s^2 / prod D^(2/M): exactly the geometric mean of the parents' Gaussians
  kPenalty,    ///< exp(-e)
  kOne,        ///< 1
  kReleased    ///< exp(-e) s / prod D: the authors' program
};
[[nodiscard]] std::string to_string(Strength strength);
/// Throws kUsage, listing the names: geometric, penalty, one, released.
[[nodiscard]] Strength parse_strength(std::string_view name);

/// Where a node is in an image, of the candidate positions around its predicted centre.
enum class Place : std::uint8_t {
  kBest,  ///< the one of the highest score p E, as published
  kMean   ///< the mean of all, weighted by p E: the mean of the posterior, not bound to their grid
};
[[nodiscard]] std::string to_string(Place place);
/// Throws kUsage, listing the names: best, mean.
[[nodiscard]] Place parse_place(std::string_view name);

/// What makes a node of the layer above a parent. With x and y the displacements of child and
/// candidate from their mean positions, pixels, over the training images:
enum class Likeness : std::uint8_t {
  kAffinity,  ///< sum of peak exp(-|x - y|^2 / (2 h)): the published program; edge_selection.h
  /// 1 - sum |x - y|^2 / (sum |x|^2 + sum |y|^2): how well one displacement tells the other (Lin,
  /// "A concordance correlation coefficient", Biometrics 45, 1989, for displacements in the plane,
  /// whose means are 0).
  kConcordance
};
[[nodiscard]] std::string to_string(Likeness likeness);
/// Throws kUsage, listing the names: affinity, concordance.
[[nodiscard]] Likeness parse_likeness(std::string_view name);

/// Which way round an image explains more of the top layer, with t and t' the nodes' total scores
/// as it is and mirrored:
enum class Orientation : std::uint8_t {
  kSum,  ///< sum of t' - t: strong nodes decide
  /// Sum of log (t' + f) / (t + f), f a tenth of the mean score in the image: every node has a
  /// voice, as in a product of their densities.
  kLog
};
[[nodiscard]] std::string to_string(Orientation orientation);
/// Throws kUsage, listing the names: sum, log.
[[nodiscard]] Orientation parse_orientation(std::string_view name);

/// What the authors' released program does otherwise than the method says. All off but in the
/// preset `authors`.
struct Released {
  bool first_filter_sigma{false};  ///< sigma and the window are those of the first filter's node
  bool unscaled_parents{false};    ///< displacements stay in cells of the parent's map
  bool rounded_kernel{false};      ///< evidence is measured from the rounded centre, cut off at 3 m
  bool border_of_child{false};     ///< the border test uses the child's map, asymmetrically
  /// Displacements go through the map of positions, offset included.
  bool affine_displacement{false};
  bool initial_step{false};     ///< delta uses the candidate spacing of the first pass
  bool no_final_pass{false};    ///< stored positions are from before the last update
  bool first_candidate{false};  ///< without evidence a node sits at its first candidate

  friend bool operator==(const Released&, const Released&) = default;
};

/// Everything learning depends on besides the features.
struct Config {
  std::int64_t parents{15};      ///< M
  std::int64_t candidates{600};  ///< the best-ranked nodes above that may become parents
  std::int64_t iterations{20};   ///< EM updates a layer
  double noise{0.1};             ///< density of the component that explains nothing, over the mean
  double range{0.3};             ///< search radius at most range S / 2 cells
  double reach{3};               ///< and at most reach delta
  double initial{0.15};          ///< first delta, and sigma without parents, over S
  double smoothing{0.025};       ///< standard deviation of the evidence kernel, over S
  double step{1};                ///< of the position update
  /// This share of the nodes above, those that move least, are no parents.
  double static_fraction{0};
  Place place{Place::kBest};
  Likeness likeness{Likeness::kAffinity};
  double least_likeness{0};  ///< of concordances: an edge below this is left out
  double edge_margin{0.1};   ///< nor are nodes whose mean position is this near the border, over S
  double jitter{0.3};        ///< first positions: distinct cells, moved uniformly by up to this
  Strength strength{Strength::kGeometric};
  bool flips{false};  ///< choose each image's orientation (needs mirrored features)
  Orientation orientation{Orientation::kSum};  ///< with flips
  std::int64_t restarts{1};                    ///< with flips: of the top layer, the best kept
  /// Activations are counted in standard deviations of their filter, not of their unit. Learning
  /// takes features as they are: this is for whoever measures the deviations.
  bool sigma_per_filter{false};
  std::uint64_t seed{0};
  Released released;

  friend bool operator==(const Config&, const Config&) = default;
};

/// "default", the corrected method; "authors", which reproduces the published program; or
/// "refined", the corrected method with mean places, the five parents of the greatest concordance,
/// deviations of filters and orientations by logarithms, chosen by measurement
/// (docs/explanatory_graph.md). Throws kUsage.
[[nodiscard]] Config preset(std::string_view name);
/// Throws kUsage, naming the field, on values outside their ranges.
void validate(const Config& config);

}  // namespace cutaway::explain::graph
