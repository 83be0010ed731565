#pragma once

#include <cstdint>
#include <string>

namespace cutaway::explain::graph {

/// One layer of the graph: which maps its nodes live on, and where a cell lies in the picture.
struct LayerSpec {
  std::string name;        ///< of the net's node
  std::int64_t filters{};  ///< D: channels
  std::int64_t size{};     ///< S: rows and columns of a map
  std::int64_t nodes{};    ///< P: nodes a filter
  /// Nominal nodes a cell; 1 / sqrt(density) bounds delta above, a tenth of it below.
  double density{0.05};
  double stride{1};  ///< pixels a cell
  double offset{0};  ///< pixel of the centre of cell 0

  [[nodiscard]] std::int64_t count() const { return filters * nodes; }
  [[nodiscard]] double pixel(double cell) const { return offset + stride * cell; }

  friend bool operator==(const LayerSpec&, const LayerSpec&) = default;
};

/// The usual density rho of nodes: 0.05 for S >= 24, 0.1 for 12 <= S < 24, 0.2 below; and the
/// number of nodes a filter that follows, ceil(rho S^2).
[[nodiscard]] double usual_density(std::int64_t size);
[[nodiscard]] std::int64_t usual_nodes(std::int64_t size);

/// Throws kUnsupported where a map is smaller than 4 cells or larger than 200, kUsage on other bad
/// numbers.
void validate(const LayerSpec& spec);

}  // namespace cutaway::explain::graph
