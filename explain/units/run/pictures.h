#pragma once

#include <string>
#include <vector>

#include "explain/pictures/image.h"
#include "explain/units/run/store.h"
#include "explain/units/run/units_run.h"
#include "weights/preprocess.h"

namespace cutaway::explain {

/// What the picture of one map needs besides its tiles.
struct UnitCaption {
  std::string title;  ///< "conv5 map 17"
  std::string note;   ///< "9.5 to 7.1"
};

/// One map: its projections, strongest first in rows, beside the patches they come from. `count`
/// tiles of `most` are there; a place without one stays empty.
[[nodiscard]] Image unit_picture(const std::vector<UnitTile>& tiles,
                                 const UnitLayerShape& shape,
                                 const weights::Preprocess& rule,
                                 const UnitCaption& caption);

/// Pictures of maps in rows, as large a number of columns as fits about 1600 pixels.
[[nodiscard]] Image unit_sheet(const std::vector<Image>& pictures);

/// index.html: every layer's maps, from the summary's entries; `names[image]` are the pictures'
/// names.
[[nodiscard]] std::string units_page(
    const UnitsJob& job,
    const UnitsSummary& summary,
    const std::vector<std::vector<std::string>>& files,
    const std::vector<std::pair<std::int64_t, std::string>>& names);

/// The beginning of such a page, up to and with its heading.
[[nodiscard]] std::string page_head(const std::string& title);

}  // namespace cutaway::explain
