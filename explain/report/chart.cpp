#include "explain/report/chart.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>

#include "explain/render/panel.h"
#include "explain/report/report.h"

namespace cutaway::explain {
namespace {

constexpr double kWidth = 360, kHeight = 230, kLeft = 46, kRight = 18, kTop = 24, kBottom = 36;

std::string number(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", v);
  return text;
}

std::string color_text(const Rgb& c) {
  char text[8];
  std::snprintf(text, sizeof text, "#%02x%02x%02x", c.r, c.g, c.b);
  return text;
}

std::string text_at(
    double x, double y, const char* anchor, const std::string& text, const char* extra = "") {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" + anchor + "\"" +
         extra + ">" + html_escape(text) + "</text>";
}

std::string line(double x1, double y1, double x2, double y2, const char* stroke) {
  return "<path d=\"M" + number(x1) + " " + number(y1) + "L" + number(x2) + " " + number(y2) +
         "\" stroke=\"" + stroke + "\"/>";
}

double across(double v, double x0, double x1) {
  return kLeft + (v - x0) / (x1 - x0) * (kWidth - kLeft - kRight);
}

/// One curve: a path that begins anew behind a gap.
std::string curve(const std::vector<double>& x,
                  const std::vector<double>& y,
                  double x0,
                  double x1,
                  const std::function<double(double)>& up) {
  std::string path;
  bool open = false;
  for (std::size_t i = 0; i < x.size() && i < y.size(); ++i) {
    if (!std::isfinite(y[i])) {
      open = false;
      continue;
    }
    path += (open ? "L" : "M") + number(across(x[i], x0, x1)) + " " + number(up(y[i]));
    open = true;
  }
  return path;
}

}  // namespace

const std::vector<Rgb>& category_colors() {
  static const std::vector<Rgb> colors{{0x33, 0x22, 0x88}, {0xcc, 0x66, 0x77}, {0x44, 0xaa, 0x99},
                                       {0xdd, 0xcc, 0x77}, {0x88, 0xcc, 0xee}, {0x88, 0x22, 0x55},
                                       {0x99, 0x99, 0x33}, {0x11, 0x77, 0x33}, {0xaa, 0x44, 0x99},
                                       {0xbb, 0xbb, 0xbb}};
  return colors;
}

std::vector<double> round_ticks(double low, double high, int count) {
  if (!(high > low) || !std::isfinite(high - low) || count < 1) return {low};
  const double rough = (high - low) / count;
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  const double ratio = rough / power;
  const double step = power * (ratio < 1.5 ? 1 : ratio < 3.5 ? 2 : ratio < 7.5 ? 5 : 10);
  std::vector<double> ticks;
  for (double k = std::ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; ++k)
    ticks.push_back(k * step + 0.0);
  return ticks;
}

std::string chart_svg(const Chart& chart) {
  double low = chart.least, high = chart.most;
  for (const auto& values : chart.lines) {
    for (const double v : values) {
      if (!std::isfinite(v)) continue;
      low = std::min(low, v);
      high = std::max(high, v);
    }
  }
  if (!(high > low)) high = low + 1;
  const double x0 = chart.x.empty() ? 0 : chart.x.front();
  const double x1 = chart.x.size() < 2 ? x0 + 1 : chart.x.back();
  const auto up = [&](double v) {
    return kHeight - kBottom - (v - low) / (high - low) * (kHeight - kTop - kBottom);
  };
  std::string out =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 360 230\" role=\"img\" "
      "aria-label=\"" +
      html_escape(chart.title) +
      "\" font-family=\"system-ui,sans-serif\" font-size=\"11\" fill=\"#5d6573\">";
  out += text_at(kLeft, 14, "start", chart.title,
                 " fill=\"#1b1f27\" font-weight=\"600\" font-size=\"12\"");
  out += "<g fill=\"none\" stroke-width=\"1\">";
  std::string labels;
  for (const double t : round_ticks(low, high, 5)) {
    out += line(kLeft, up(t), kWidth - kRight, up(t), "#e2e5ea");
    labels += text_at(kLeft - 6, up(t) + 4, "end", format_number(t));
  }
  for (const double t : round_ticks(x0, x1, 6)) {
    out += line(across(t, x0, x1), kHeight - kBottom, across(t, x0, x1), kHeight - kBottom + 4,
                "#98a1b1");
    labels += text_at(across(t, x0, x1), kHeight - kBottom + 17, "middle", format_number(t));
  }
  out += line(kLeft, kHeight - kBottom, kWidth - kRight, kHeight - kBottom, "#98a1b1") + "</g>" +
         labels;
  out += text_at((kLeft + kWidth - kRight) / 2, kHeight - 3, "middle", chart.x_label);
  out += "<g fill=\"none\" stroke-width=\"1.8\" stroke-linejoin=\"round\">";
  const auto& colors = category_colors();
  for (std::size_t k = 0; k < chart.lines.size(); ++k) {
    const bool again = k / (colors.size() - 1) % 2 == 1;  // colours come again as dashes
    out += "<path d=\"" + curve(chart.x, chart.lines[k], x0, x1, up) + "\" stroke=\"" +
           color_text(colors[k % (colors.size() - 1)]) + "\"" +
           (again ? " stroke-dasharray=\"5 3\"" : "") + "/>";
  }
  return out + "</g></svg>";
}

std::string legend_svg(const std::vector<std::string>& names) {
  const auto& colors = category_colors();
  const double height = 12 + 18 * static_cast<double>(names.size());
  std::string out = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 360 " +
                    number(height) +
                    "\" font-family=\"system-ui,sans-serif\" font-size=\"12\" fill=\"#1b1f27\">";
  for (std::size_t k = 0; k < names.size(); ++k) {
    const double y = 14 + 18 * static_cast<double>(k);
    const bool again = k / (colors.size() - 1) % 2 == 1;
    out += "<path d=\"M8 " + number(y) + "H34\" stroke-width=\"2.5\" stroke=\"" +
           color_text(colors[k % (colors.size() - 1)]) + "\"" +
           (again ? " stroke-dasharray=\"5 3\"" : "") + "/>";
    out += text_at(42, y + 4, "start", names[k]);
  }
  return out + "</svg>";
}

}  // namespace cutaway::explain
