#pragma once

#include <string>
#include <vector>

#include "explain/pictures/image.h"
#include "explain/render/colormap.h"
#include "explain/render/normalize.h"

namespace cutaway::explain {

/// Colours and sizes of drawn panels, in pixels.
struct PanelStyle {
  Rgb background{255, 255, 255};
  Rgb text{32, 36, 44};
  Rgb faint{120, 126, 138};  ///< second lines, ticks
  int font{9};               ///< height of a capital letter
  int gap{10};               ///< between tiles
  int margin{14};            ///< around the whole
};

/// A number with four significant digits, as the colour bar prints it: "120.6", "-0.0421", "3e-08".
[[nodiscard]] std::string format_number(double v);

/// "0.14", or "0.14 to 0.56" for the high end of a scale that data up to 0.56 exceed; `high` false:
/// for the low end.
[[nodiscard]] std::string end_label(const Limits& limits, const Limits& extent, bool high);

/// A vertical colour bar and the numbers beside it, from the top (high) to the bottom (low).
struct ColorBar {
  Image image;
  std::vector<double> values;       ///< what the ticks stand at
  std::vector<std::string> labels;  ///< what is printed: format_number(values[i]), or a range
};

/// A bar `height` pixels high (at least 32) with `ticks` numbers (at least 2): the ends are the
/// limits, the others evenly between. Where the data reach beyond a limit (`extent`), so that they
/// are clipped, that end is pointed and its label is the range that has its colour: "0.14 to 0.56".
/// Throws kShape below those.
[[nodiscard]] ColorBar color_bar(Colormap colormap,
                                 const Limits& limits,
                                 const Limits& extent,
                                 int height,
                                 int ticks = 5,
                                 const PanelStyle& style = {});

/// `left` and `right` side by side, tops aligned, `gap` pixels of `background` between.
[[nodiscard]] Image beside(const Image& left, const Image& right, int gap, Rgb background);

/// One cell of a grid; the caption and the smaller note stand below the picture.
struct Tile {
  Image image;
  std::string caption;
  std::string note;
};

/// Tiles in rows of `columns`, left to right and top to bottom, each centred in a cell as large as
/// the largest tile. `column_titles` (none, or one a column) stand above, `row_titles` (none, or
/// one a row) to the left. Texts too long for their cell are shortened. An empty tile image leaves
/// its cell blank. Throws kShape without tiles, with columns < 1 or a wrong number of titles.
[[nodiscard]] Image grid(const std::vector<Tile>& tiles,
                         int columns,
                         const std::vector<std::string>& column_titles = {},
                         const std::vector<std::string>& row_titles = {},
                         const PanelStyle& style = {});

}  // namespace cutaway::explain
