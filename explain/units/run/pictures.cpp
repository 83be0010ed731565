#include "explain/units/run/pictures.h"

#include <algorithm>
#include <cmath>

#include "explain/pictures/draw.h"
#include "explain/pictures/resample.h"
#include "explain/render/panel.h"
#include "explain/render/render.h"

namespace cutaway::explain {
namespace {

constexpr int kTile = 64;     // about this large is a tile shown
constexpr int kGap = 2;       // between tiles
constexpr int kBlockGap = 8;  // between projections and patches
constexpr Rgb kPaper{255, 255, 255};

/// A tile at a size to look at: small ones magnified pixel by pixel, large ones averaged down.
Image shown(const Image& tile) {
  const int side = std::max(tile.width, tile.height);
  if (2 * side <= kTile) return magnify(tile, kTile / side);
  if (side <= kTile) return tile;
  const auto scaled = [&](int v) {
    return std::max(1, static_cast<int>(std::lround(static_cast<double>(v) * kTile / side)));
  };
  return resize(tile, scaled(tile.width), scaled(tile.height), Resample::kBilinearPil);
}

Image projection_image(const UnitTile& tile,
                       const UnitLayerShape& shape,
                       const weights::Preprocess& rule) {
  Reconstruction how;
  how.bgr = rule.order == weights::ColorOrder::kBgr;
  const int channels = static_cast<int>(shape.channels);
  const int height = static_cast<int>(shape.height);
  const int width = static_cast<int>(shape.width);
  return reconstruct(tile.projection, channels, height, width, how).image;
}

/// Tiles in a square.
Image block(const std::vector<Image>& tiles, std::size_t most, const Image& like) {
  const int columns = static_cast<int>(std::ceil(std::sqrt(static_cast<double>(most))));
  const int rows = (static_cast<int>(most) + columns - 1) / columns;
  Image out =
      make_image(columns * (like.width + kGap) - kGap, rows * (like.height + kGap) - kGap, kPaper);
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    const int at = static_cast<int>(i);
    paste(out, tiles[i], at % columns * (like.width + kGap), at / columns * (like.height + kGap));
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
  const Image like = patches.empty() ? make_image(kTile, kTile) : patches.front();
  const Image pair =
      beside(block(projections, most, like), block(patches, most, like), kBlockGap, kPaper);
  const PanelStyle style;
  const int line = line_height(style.font);
  Image out = make_image(pair.width, pair.height + line + 2, kPaper);
  draw_text(out, 0, 0, fit_text(caption.title, style.font, pair.width), style.font, style.text);
  const int used = text_width(caption.title, style.font) + 14;
  if (used < pair.width) {
    draw_text(out, used, 0, fit_text(caption.note, style.font, pair.width - used), style.font,
              style.faint);
  }
  paste(out, pair, 0, line + 2);
  return out;
}

Image unit_sheet(const std::vector<Image>& pictures) {
  constexpr int kWide = 1600;
  int width = 1;
  std::vector<Tile> tiles;
  for (const Image& picture : pictures) {
    width = std::max(width, picture.width);
    tiles.push_back({picture, "", ""});
  }
  PanelStyle style;
  style.gap = 22;
  const int columns = std::clamp(kWide / (width + style.gap), 1, static_cast<int>(tiles.size()));
  return grid(tiles, columns, {}, {}, style);
}

}  // namespace cutaway::explain
