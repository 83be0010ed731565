#include "explain/compare/run/plots.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "explain/pictures/write_image.h"
#include "explain/render/colormap.h"
#include "explain/report/chart.h"
#include "explain/report/report.h"

namespace cutaway::explain {
namespace {

constexpr double kWidth = 900, kHeight = 700, kMargin = 40, kTop = 36, kPicture = 30;
constexpr double kCell = 46, kNames = 150;

std::string number(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", v);
  return text;
}

std::string color_text(const Rgb& c) {
  char text[8];
  std::snprintf(text, sizeof text, "#%02x%02x%02x", c.r, c.g, c.b);
  return text;
}

std::string class_color(std::int64_t c) {
  const auto& colors = category_colors();
  if (c < 0) return color_text(colors.back());
  return color_text(colors[static_cast<std::size_t>(c) % (colors.size() - 1)]);
}

std::string head(double width, double height, const std::string& title) {
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + number(width) + " " +
         number(height) + "\" role=\"img\" aria-label=\"" + html_escape(title) +
         "\" font-family=\"system-ui,sans-serif\" font-size=\"11\" fill=\"#1b1f27\">"
         "<text x=\"8\" y=\"18\" font-weight=\"600\" font-size=\"13\">" +
         html_escape(title) + "</text>";
}

/// Where a coordinate falls between two ends of the plot.
struct Axis {
  double low, high, from, to;
  [[nodiscard]] double at(double v) const {
    return high > low ? from + (v - low) / (high - low) * (to - from) : 0.5 * (from + to);
  }
};

Axis axis_of(const FeatureMatrix& points, std::size_t k, double from, double to) {
  double low = 0.0, high = 0.0;
  for (std::int64_t i = 0; i < points.rows; ++i) {
    const auto v = static_cast<double>(points.row(i)[k]);
    low = i == 0 ? v : std::min(low, v);
    high = i == 0 ? v : std::max(high, v);
  }
  return {low, high, from, to};
}

}  // namespace

Image enlarged(const Image& image) {
  constexpr int kSide = 200;
  return magnify(image, std::max(1, kSide / std::max(1, image.width)));
}

std::string scatter_svg(const std::string& title,
                        const FeatureMatrix& points,
                        std::span<const std::int64_t> classes,
                        std::span<const Image> pictures,
                        std::size_t most_pictures) {
  std::string out = head(kWidth, kHeight, title);
  const Axis x = axis_of(points, 0, kMargin, kWidth - kMargin);
  const Axis y = axis_of(points, 1, kHeight - kMargin, kTop + kMargin);
  for (std::int64_t i = 0; i < points.rows; ++i) {
    const auto n = static_cast<std::size_t>(i);
    const double px = x.at(static_cast<double>(points.row(i)[0]));
    const double py = y.at(static_cast<double>(points.row(i)[1]));
    const std::string color = class_color(classes[n]);
    if (n >= most_pictures || n >= pictures.size()) {
      out += "<circle cx=\"" + number(px) + "\" cy=\"" + number(py) + "\" r=\"3\" fill=\"" + color +
             "\"/>";
      continue;
    }
    const std::string place = "x=\"" + number(px - kPicture / 2) + "\" y=\"" +
                              number(py - kPicture / 2) + "\" width=\"" + number(kPicture) +
                              "\" height=\"" + number(kPicture) + "\"";
    out += "<image " + place + " href=\"data:image/jpeg;base64," +
           base64(encode_jpeg(pictures[n], {70, false})) + "\"/><rect " + place +
           " fill=\"none\" stroke-width=\"2\" stroke=\"" + color + "\"/>";
  }
  return out + "</svg>";
}

std::string matrix_svg(const std::string& title,
                       const std::vector<std::string>& rows,
                       const std::vector<std::string>& columns,
                       std::span<const double> values,
                       double low,
                       double high) {
  const double width = kNames + kCell * static_cast<double>(columns.size()) + 20;
  const double height = kNames + kCell * static_cast<double>(rows.size()) + 20;
  std::string out = head(width, height, title);
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const double at = kNames + kCell * (static_cast<double>(c) + 0.5);
    out += "<text transform=\"translate(" + number(at) + " " + number(kNames - 6) +
           ") rotate(-60)\">" + html_escape(columns[c]) + "</text>";
  }
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const double top = kNames + kCell * static_cast<double>(r);
    out += "<text x=\"" + number(kNames - 6) + "\" y=\"" + number(top + kCell / 2 + 4) +
           "\" text-anchor=\"end\">" + html_escape(rows[r]) + "</text>";
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const double v = values[r * columns.size() + c];
      const double share = std::isfinite(v) ? std::clamp((v - low) / (high - low), 0.0, 1.0) : 0.0;
      const Rgb color = color_of(Colormap::kViridis, static_cast<float>(share));
      const double left = kNames + kCell * static_cast<double>(c);
      char text[16];
      std::snprintf(text, sizeof text, "%.2f", v);
      out += "<rect x=\"" + number(left) + "\" y=\"" + number(top) + "\" width=\"" +
             number(kCell - 1) + "\" height=\"" + number(kCell - 1) + "\" fill=\"" +
             color_text(color) + "\"/><text x=\"" + number(left + kCell / 2) + "\" y=\"" +
             number(top + kCell / 2 + 4) + "\" text-anchor=\"middle\" fill=\"" +
             (share > 0.6 ? "#000" : "#fff") + "\">" + text + "</text>";
    }
  }
  return out + "</svg>";
}

}  // namespace cutaway::explain
