#include "tools/units/pictures.h"

#include <algorithm>
#include <cmath>

#include "explain/render/draw.h"
#include "explain/render/panel.h"
#include "explain/render/render.h"
#include "explain/render/resample.h"

namespace cutaway::tools {
namespace {

using explain::Image;

constexpr int kTile = 64;     // about this large is a tile shown
constexpr int kGap = 2;       // between tiles
constexpr int kBlockGap = 8;  // between projections and patches
constexpr explain::Rgb kPaper{255, 255, 255};

/// A tile at a size to look at: small ones magnified pixel by pixel, large ones averaged down.
Image shown(const Image& tile) {
  const int side = std::max(tile.width, tile.height);
  if (2 * side <= kTile) return explain::magnify(tile, kTile / side);
  if (side <= kTile) return tile;
  const auto scaled = [&](int v) {
    return std::max(1, static_cast<int>(std::lround(static_cast<double>(v) * kTile / side)));
  };
  return explain::resize(tile, scaled(tile.width), scaled(tile.height),
                         explain::Resample::kBilinearPil);
}

Image projection_image(const UnitTile& tile,
                       const UnitLayerShape& shape,
                       const weights::Preprocess& rule) {
  explain::Reconstruction how;
  how.bgr = rule.order == weights::ColorOrder::kBgr;
  const int channels = static_cast<int>(shape.channels);
  const int height = static_cast<int>(shape.height);
  const int width = static_cast<int>(shape.width);
  return explain::reconstruct(tile.projection, channels, height, width, how).image;
}

/// Tiles in a square.
Image block(const std::vector<Image>& tiles, std::size_t most, const Image& like) {
  const int columns = static_cast<int>(std::ceil(std::sqrt(static_cast<double>(most))));
  const int rows = (static_cast<int>(most) + columns - 1) / columns;
  Image out = explain::make_image(columns * (like.width + kGap) - kGap,
                                  rows * (like.height + kGap) - kGap, kPaper);
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    const int at = static_cast<int>(i);
    explain::paste(out, tiles[i], at % columns * (like.width + kGap),
                   at / columns * (like.height + kGap));
  }
  return out;
}

}  // namespace

Image unit_picture(const std::vector<UnitTile>& tiles,
                   const UnitLayerShape& shape,
                   const weights::Preprocess& rule,
                   const UnitCaption& caption) {
  std::vector<Image> projections, patches;
  for (const UnitTile& tile : tiles) {
    projections.push_back(shown(projection_image(tile, shape, rule)));
    patches.push_back(
        shown({static_cast<int>(shape.width), static_cast<int>(shape.height), tile.patch}));
  }
  const auto most = static_cast<std::size_t>(shape.most);
  const Image like = patches.empty() ? explain::make_image(kTile, kTile) : patches.front();
  const Image pair = explain::beside(block(projections, most, like), block(patches, most, like),
                                     kBlockGap, kPaper);
  const explain::PanelStyle style;
  const int line = explain::line_height(style.font);
  Image out = explain::make_image(pair.width, pair.height + line + 2, kPaper);
  explain::draw_text(out, 0, 0, explain::fit_text(caption.title, style.font, pair.width),
                     style.font, style.text);
  const int used = explain::text_width(caption.title, style.font) + 14;
  if (used < pair.width) {
    explain::draw_text(out, used, 0, explain::fit_text(caption.note, style.font, pair.width - used),
                       style.font, style.faint);
  }
  explain::paste(out, pair, 0, line + 2);
  return out;
}

Image unit_sheet(const std::vector<Image>& pictures) {
  constexpr int kWide = 1600;
  int width = 1;
  std::vector<explain::Tile> tiles;
  for (const Image& picture : pictures) {
    width = std::max(width, picture.width);
    tiles.push_back({picture, "", ""});
  }
  explain::PanelStyle style;
  style.gap = 22;
  const int columns = std::clamp(kWide / (width + style.gap), 1, static_cast<int>(tiles.size()));
  return explain::grid(tiles, columns, {}, {}, style);
}

}  // namespace cutaway::tools
