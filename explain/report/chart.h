#pragma once

#include <string>
#include <vector>

#include "explain/pictures/image.h"

namespace cutaway::explain {

/// Colours that stay apart for people who do not see all of them alike (P. Tol, "muted"); the last
/// is grey, for the rest.
[[nodiscard]] const std::vector<Rgb>& category_colors();

/// Curves over one axis.
struct Chart {
  std::string title, x_label;
  std::vector<double> x;
  /// One value an x; coloured in the order of category_colors.
  std::vector<std::vector<double>> lines;
  double least{0};  ///< the vertical axis holds this value
  double most{0};   ///< and this one
};

/// 360 x 230 SVG with axes, about five numbers on each, and the curves. Values that are not finite
/// leave a gap.
[[nodiscard]] std::string chart_svg(const Chart& chart);
/// The names of the curves in their colours, one SVG.
[[nodiscard]] std::string legend_svg(const std::vector<std::string>& names);

/// About `count` round numbers that span low to high: steps of 1, 2 or 5 times a power of ten.
[[nodiscard]] std::vector<double> round_ticks(double low, double high, int count);

}  // namespace cutaway::explain
