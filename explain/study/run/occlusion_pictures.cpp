#include "explain/study/run/occlusion_pictures.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "explain/pictures/draw.h"
#include "explain/render/panel.h"
#include "explain/render/render.h"
#include "explain/report/chart.h"

namespace cutaway::explain {
namespace {

constexpr Rgb kPaper{255, 255, 255};

/// Pictures of small nets pixel by pixel larger, so that there is something to look at and room for
/// the captions.
Image shown(const Image& image) {
  constexpr int kSide = 200;
  return magnify(image, std::clamp(kSide / std::max(image.width, image.height), 1, 8));
}

/// The photo as the ground that a map of positions lies on: pale and grey.
Image pale(const Image& photo) {
  return blend(to_gray(photo), make_image(photo.width, photo.height, kPaper), {0.35F, 0.65F});
}

/// One pixel a pixel: a picture of rows x columns cells, each `stride` pixels wide, put where the
/// squares' centres are.
Image placed(const Image& cells, const OcclusionFigure& f) {
  Image out = pale(f.photo);
  const double half = static_cast<double>(f.grid->stride - 1) / 2;
  paste(out, cells, static_cast<int>(std::lround(f.grid->column_centers.front() - half)),
        static_cast<int>(std::lround(f.grid->row_centers.front() - half)));
  return out;
}

/// A map of positions in colours, and its bar.
Image heat(const OcclusionFigure& f, const std::vector<float>& values, const Limits& limits) {
  const int rows = static_cast<int>(f.grid->rows), columns = static_cast<int>(f.grid->columns);
  const int stride = static_cast<int>(f.grid->stride);
  Style style;
  style.colormap = f.colormap;
  // A constant map has no limits of its own: all of it is the low end.
  style.normalization =
      limits.high > limits.low ? Normalization::fixed_limits(limits) : Normalization::min_max();
  style.resample = f.bilinear ? Resample::kBilinear : Resample::kNearest;
  const Map map{values, rows, columns};
  const Rendered colors = colorize(map, columns * stride, rows * stride, style);
  const Image& cells = colors.image;
  const Image canvas = shown(placed(cells, f));
  return beside(canvas,
                color_bar(f.colormap, limits, colors.extent, std::max(32, canvas.height)).image, 6,
                kPaper);
}

Image classes(const OcclusionFigure& f, const std::vector<LegendEntry>& legend) {
  const auto& colors = category_colors();
  const int rows = static_cast<int>(f.grid->rows), columns = static_cast<int>(f.grid->columns);
  Image cells = make_image(columns, rows, colors.back());
  for (std::size_t i = 0; i < f.panels->best.size(); ++i) {
    for (std::size_t k = 0; k < legend.size(); ++k) {
      if (legend[k].label != f.panels->best[i]) continue;
      const int at = static_cast<int>(i);
      cells.set(at % columns, at / columns, colors[k]);
    }
  }
  return placed(magnify(cells, static_cast<int>(f.grid->stride)), f);
}

Image legend_image(const std::vector<LegendEntry>& legend,
                   int height,
                   const std::function<std::string(std::int64_t)>& name_of) {
  const PanelStyle style;
  const auto& colors = category_colors();
  const int line = line_height(style.font) + 4;
  Image out = make_image(190, std::max(height, line * static_cast<int>(legend.size())), kPaper);
  for (std::size_t k = 0; k < legend.size(); ++k) {
    const LegendEntry& e = legend[k];
    const int y = line * static_cast<int>(k);
    fill(out, {0, y + 3, 12, 12}, e.label < 0 ? colors.back() : colors[k]);
    const std::string text = (e.label < 0 ? std::string("other classes") : name_of(e.label)) + " " +
                             std::to_string(e.positions);
    draw_text(out, 18, y, fit_text(text, style.font, out.width - 18), style.font, style.text);
  }
  return out;
}

Image with_square(const OcclusionFigure& f) {
  Image image = f.photo;
  const Region& r = f.grid->squares[f.example];
  const Rect where{static_cast<int>(r.columns.first), static_cast<int>(r.rows.first),
                   static_cast<int>(r.columns.size()), static_cast<int>(r.rows.size())};
  fill(image, where, f.fill);
  return image;
}

std::string text_of(const char* format, double a) {
  char text[96];
  std::snprintf(text, sizeof text, format, a);
  return text;
}

}  // namespace

std::vector<LegendEntry> class_legend(const std::vector<std::int64_t>& best, std::int64_t target) {
  std::map<std::int64_t, std::int64_t> count;
  for (const std::int64_t label : best) ++count[label];
  std::vector<LegendEntry> legend;
  for (const auto& [label, positions] : count) legend.push_back({label, positions});
  std::ranges::stable_sort(legend, [&](const LegendEntry& a, const LegendEntry& b) {
    if ((a.label == target) != (b.label == target)) return a.label == target;
    return a.positions > b.positions;
  });
  const std::size_t named = category_colors().size() - 1;
  if (legend.size() <= named) return legend;
  LegendEntry rest{-1, 0};
  for (std::size_t k = named; k < legend.size(); ++k) rest.positions += legend[k].positions;
  legend.resize(named);
  legend.push_back(rest);
  return legend;
}

Image occlusion_picture(const OcclusionFigure& f,
                        const std::function<std::string(std::int64_t)>& name_of) {
  const auto& b = f.panels->activation;
  const auto& d = f.panels->probability;
  const Limits activation{*std::ranges::min_element(b), *std::ranges::max_element(b)};
  const Limits probability{0, *std::ranges::max_element(d)};
  const auto legend = class_legend(f.panels->best, f.target);
  Image projection = f.own.picture;
  draw_rect(projection, f.box, 2, {47, 91, 215});
  std::vector<Tile> panels;
  panels.push_back({shown(with_square(f)), "(a) " + f.class_name,
                    "square of " + std::to_string(f.grid->size) + ", moved by " +
                        std::to_string(f.grid->stride)});
  panels.push_back({heat(f, b, activation), "(b) sum of " + f.map_name,
                    text_of("not occluded: %.5g", f.activation)});
  panels.push_back({shown(projection), "(c) " + f.own.caption, f.own.note});
  panels.push_back({heat(f, d, probability), "(d) probability of " + f.class_name,
                    text_of("not occluded: %.4f", f.probability)});
  const Image map = shown(classes(f, legend));
  panels.push_back({beside(map, legend_image(legend, map.height, name_of), 8, kPaper),
                    "(e) most probable class",
                    std::to_string(f.panels->best.size()) + " positions"});
  Image out = grid(panels, static_cast<int>(panels.size()));
  if (f.elsewhere.empty()) return out;
  std::vector<Tile> more;
  for (const StudyProjection& p : f.elsewhere) {
    more.push_back(
        {beside(shown(p.picture), shown(p.photo), 4, kPaper), "(c) " + p.caption, p.note});
  }
  const Image row = grid(more, static_cast<int>(more.size()));
  Image both = make_image(std::max(out.width, row.width), out.height + row.height, kPaper);
  paste(both, out, 0, 0);
  paste(both, row, 0, out.height);
  return both;
}

}  // namespace cutaway::explain
