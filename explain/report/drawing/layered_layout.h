#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace cutaway::explain {

/// A box to place: its extents, and the boxes it stands below (each earlier in the list).
struct LayoutBox {
  double width{0}, height{0};
  std::vector<std::size_t> above;
};

struct Point {
  double x{0}, y{0};
};

/// A drawing of a directed acyclic graph from top to bottom.
struct Layout2d {
  std::vector<Point> corners;  ///< top left corner of each box
  struct Line {
    std::size_t from, to;
    std::vector<Point> points;  ///< from the lower edge of `from` to the upper edge of `to`
  };
  std::vector<Line> lines;
  double width{0}, height{0};
};

/// Layered drawing (Sugiyama et al. 1981): a box's layer is the longest way to it, lines that pass
/// layers get a place in each, orders come from barycentre sweeps, positions from least squares
/// with minimal distances. Deterministic. The top left corner of the drawing is (0, 0).
[[nodiscard]] Layout2d layered_layout(const std::vector<LayoutBox>& boxes,
                                      double gap_across,
                                      double gap_down);

}  // namespace cutaway::explain
