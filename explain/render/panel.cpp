#include "explain/render/panel.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "explain/pictures/draw.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

constexpr int kWidestRowTitle = 320;

// Where everything of a grid stands. The first picture's top left corner is (x[0], top).
struct GridPlan {
  int columns, rows;
  std::vector<int> cell_w, x;  // width and left edge of each column
  int cell_h, caption_h;       // the picture part, and what stands below it
  int title_w;                 // of the titles of the rows
  int top, width, height;
};

GridPlan plan_grid(const std::vector<Tile>& tiles,
                   int columns,
                   bool titles,
                   const std::vector<std::string>& row_titles,
                   const PanelStyle& style) {
  GridPlan plan{};
  plan.columns = columns;
  plan.rows = (static_cast<int>(tiles.size()) + columns - 1) / columns;
  plan.cell_w.assign(static_cast<std::size_t>(columns), 1);
  plan.cell_h = 1;
  bool captions = false;
  bool notes = false;
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    int& cell_w = plan.cell_w[i % plan.cell_w.size()];
    cell_w = std::max(cell_w, tiles[i].image.width);
    plan.cell_h = std::max(plan.cell_h, tiles[i].image.height);
    captions = captions || !tiles[i].caption.empty();
    notes = notes || !tiles[i].note.empty();
  }
  const int line = line_height(style.font);
  plan.caption_h = (captions ? line : 0) + (notes ? line : 0) + (captions || notes ? 2 : 0);
  for (const std::string& title : row_titles) {
    plan.title_w = std::max(plan.title_w, text_width(title, style.font));
  }
  plan.title_w = std::min(plan.title_w, kWidestRowTitle);
  int x = style.margin + (plan.title_w > 0 ? plan.title_w + style.gap : 0);
  for (const int cell_w : plan.cell_w) {
    plan.x.push_back(x);
    x += cell_w + style.gap;
  }
  plan.width = x - style.gap + style.margin;
  plan.top = style.margin + (titles ? line + style.gap / 2 : 0);
  plan.height = plan.top + plan.rows * (plan.cell_h + plan.caption_h) +
                (plan.rows - 1) * style.gap + style.margin;
  return plan;
}

void draw_tile(Image& canvas,
               const Tile& tile,
               int x,
               int y,
               int cell_w,
               int cell_h,
               const PanelStyle& style) {
  const int left = x + (cell_w - tile.image.width) / 2;
  if (!tile.image.empty()) paste(canvas, tile.image, left, y + (cell_h - tile.image.height) / 2);
  // Texts start where the picture does, unless it is too narrow for them.
  const auto write = [&](const std::string& text, int size, int line_y, Rgb colour) {
    const bool fits = !tile.image.empty() && text_width(text, size) <= x + cell_w - left;
    const std::string shown = fit_text(text, size, cell_w);
    draw_text(canvas, fits ? left : x, line_y, shown, size, colour);
  };
  int line_y = y + cell_h + 2;
  if (!tile.caption.empty()) {
    write(tile.caption, style.font, line_y, style.text);
    line_y += line_height(style.font);
  }
  if (!tile.note.empty()) write(tile.note, std::max(6, style.font - 1), line_y, style.faint);
}

}  // namespace

std::string format_number(double v) {
  if (v == 0.0) return "0";  // never "-0"
  char text[40];
  std::snprintf(text, sizeof text, "%.4g", v);
  return text;
}

std::string end_label(const Limits& limits, const Limits& extent, bool high) {
  const std::string end = format_number(static_cast<double>(high ? limits.high : limits.low));
  const bool beyond = high ? extent.high > limits.high : extent.low < limits.low;
  if (!beyond) return end;
  const std::string far = format_number(static_cast<double>(high ? extent.high : extent.low));
  if (far == end) return end;  // the difference is rounding
  return high ? end + " to " + far : far + " to " + end;
}

ColorBar color_bar(Colormap colormap,
                   const Limits& limits,
                   const Limits& extent,
                   int height,
                   int ticks,
                   const PanelStyle& style) {
  if (height < 32 || ticks < 2) {
    throw Error(ErrorKind::kShape, "a colour bar needs 32 rows and two ticks");
  }
  ColorBar bar;
  int widest = 0;
  for (int i = 0; i < ticks; ++i) {
    const double f = static_cast<double>(i) / (ticks - 1);
    const auto low = static_cast<double>(limits.low);
    const auto high = static_cast<double>(limits.high);
    bar.values.push_back(i == 0 ? high : i == ticks - 1 ? low : high + f * (low - high));
    bar.labels.push_back(i == 0           ? end_label(limits, extent, true)
                         : i == ticks - 1 ? end_label(limits, extent, false)
                                          : format_number(bar.values.back()));
    widest = std::max(widest, text_width(bar.labels.back(), style.font));
  }
  const int bar_width = std::max(10, style.font + 4);
  const int half_line = line_height(style.font) / 2;
  const int first = half_line;
  const int rows = height - 2 * half_line;
  bar.image = make_image(bar_width + 8 + widest + 2, height, style.background);
  for (int y = 0; y < rows; ++y) {
    const float v = 1.0F - static_cast<float>(y) / static_cast<float>(rows - 1);
    fill(bar.image, {0, first + y, bar_width, 1}, color_of(colormap, v));
  }
  // Points where the scale goes on without more colours.
  const int tip = std::min(half_line - 1, bar_width / 2);
  for (const bool high : {true, false}) {
    const std::string& label = high ? bar.labels.front() : bar.labels.back();
    if (label == format_number(high ? bar.values.front() : bar.values.back())) continue;
    for (int k = 1; k <= tip; ++k) {
      const int inset = bar_width * k / (2 * tip);
      fill(bar.image, {inset, high ? first - k : first + rows - 1 + k, bar_width - 2 * inset, 1},
           color_of(colormap, high ? 1.0F : 0.0F));
    }
  }
  for (int i = 0; i < ticks; ++i) {
    const int y =
        first + static_cast<int>(std::lround(static_cast<double>(i) * (rows - 1) / (ticks - 1)));
    fill(bar.image, {bar_width, y, 4, 1}, style.faint);
    draw_text(bar.image, bar_width + 8, y - half_line + 1, bar.labels[static_cast<std::size_t>(i)],
              style.font, style.text);
  }
  return bar;
}

Image beside(const Image& left, const Image& right, int gap, Rgb background) {
  validate(left, "beside");
  validate(right, "beside");
  Image out = make_image(left.width + std::max(gap, 0) + right.width,
                         std::max(left.height, right.height), background);
  paste(out, left, 0, 0);
  paste(out, right, left.width + std::max(gap, 0), 0);
  return out;
}

Image grid(const std::vector<Tile>& tiles,
           int columns,
           const std::vector<std::string>& column_titles,
           const std::vector<std::string>& row_titles,
           const PanelStyle& style) {
  if (tiles.empty() || columns < 1) throw Error(ErrorKind::kShape, "a grid of no tiles or columns");
  const GridPlan plan = plan_grid(tiles, columns, !column_titles.empty(), row_titles, style);
  const auto wrong = [](const std::vector<std::string>& titles, int n) {
    return !titles.empty() && titles.size() != static_cast<std::size_t>(n);
  };
  if (wrong(column_titles, columns) || wrong(row_titles, plan.rows)) {
    throw Error(ErrorKind::kShape, "titles of a grid")
        .expected(std::to_string(columns) + " for columns, " + std::to_string(plan.rows) +
                  " for rows")
        .got(std::to_string(column_titles.size()) + " and " + std::to_string(row_titles.size()));
  }
  Image canvas = make_image(plan.width, plan.height, style.background);
  const int step_y = plan.cell_h + plan.caption_h + style.gap;
  for (std::size_t i = 0; i < column_titles.size(); ++i) {
    const std::string title = fit_text(column_titles[i], style.font, plan.cell_w[i]);
    const int x = plan.x[i] + (plan.cell_w[i] - text_width(title, style.font)) / 2;
    draw_text(canvas, x, style.margin, title, style.font, style.text);
  }
  for (std::size_t i = 0; i < row_titles.size(); ++i) {
    const int y =
        plan.top + static_cast<int>(i) * step_y + (plan.cell_h - line_height(style.font)) / 2;
    const std::string title = fit_text(row_titles[i], style.font, plan.title_w);
    draw_text(canvas, style.margin, y, title, style.font, style.text);
  }
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    const std::size_t column = i % plan.cell_w.size();
    const int y = plan.top + static_cast<int>(i / plan.cell_w.size()) * step_y;
    draw_tile(canvas, tiles[i], plan.x[column], y, plan.cell_w[column], plan.cell_h, style);
  }
  return canvas;
}

}  // namespace cutaway::explain
