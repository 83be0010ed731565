#include "explain/report/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "explain/pictures/resample.h"
#include "explain/pictures/write_image.h"
#include "explain/render/panel.h"
#include "explain/report/page.h"
#include "runtime/error.h"
#include "runtime/files/atomic_file.h"

namespace cutaway::explain {
namespace {

std::string fixed(double v, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, v);
  return text;
}

// With a real minus sign and a thin space before the per cent sign, as typeset.
std::string typeset(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool sign = text[i] == '-' && (i == 0 || text[i - 1] == ' ');
    out += sign ? std::string("\xE2\x88\x92") : std::string(1, text[i]);
  }
  return out;
}
std::string percent(double p) {
  return std::isfinite(p) ? fixed(100.0 * p, 1) + "\xE2\x80\x89%" : "?";
}

std::string attribute(const char* name, const std::string& value) {
  return std::string(" ") + name + "=\"" + html_escape(value) + "\"";
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

Image shrunk(const Image& image, int side) {
  const int longest = std::max(image.width, image.height);
  if (side < 1 || longest <= side) return image;
  const auto scaled = [&](int v) {
    return std::max(1, static_cast<int>(std::lround(static_cast<double>(v) * side / longest)));
  };
  return resize(image, scaled(image.width), scaled(image.height), Resample::kBilinearPil);
}

// A relative path as the value of href. Colons are encoded too, so that no scheme gets through.
std::string url_of(const std::string& path) {
  std::string out;
  for (const char c : path) {
    const bool safe = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '/' || c == '.' || c == '-' || c == '_';
    if (safe) {
      out += c;
    } else {
      char code[4];
      std::snprintf(code, sizeof code, "%%%02X",
                    static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += code;
    }
  }
  return out;
}

// Leading slashes would leave the report's folder, "//host" even the machine.
bool is_relative(const std::string& path) { return !path.empty() && path.front() != '/'; }

std::string ratio_style(const Image& image) {
  return "--ratio:" + std::to_string(image.width) + "/" + std::to_string(image.height) +
         ";--ratio-number:" + fixed(static_cast<double>(image.width) / image.height, 4);
}

std::string ramp_css(Colormap colormap) {
  constexpr int kStops = 17;
  const ColorTable& table = color_table(colormap);
  std::string css = ".cm-" + to_string(colormap) + "{background:linear-gradient(90deg";
  for (int i = 0; i < kStops; ++i) {
    const Rgb c = table[static_cast<std::size_t>(std::min(i * 16, 255))];
    char text[16];
    std::snprintf(text, sizeof text, ",#%02x%02x%02x", c.r, c.g, c.b);
    css += text;
  }
  return css + ")}\n";
}

std::string verdict_of(const ReportRow& row) {
  if (!row.error.empty()) return "failed";
  if (!row.correct) return "unknown";
  return *row.correct ? "correct" : "wrong";
}

std::string predictions_html(const ReportRow& row) {
  if (row.predictions.empty()) return "";
  std::string out = "<ol class=\"predictions\" aria-label=\"Predicted classes\">";
  for (const ReportPrediction& p : row.predictions) {
    const double width = std::isfinite(p.probability) ? std::clamp(p.probability, 0.0, 1.0) : 0.0;
    out += "<li><span class=\"name\"><span" + attribute("title", p.label) + ">" +
           html_escape(p.label) + "</span><span>" + percent(p.probability) +
           "</span></span><span class=\"track\" style=\"display:block\"><i style=\"width:" +
           fixed(100.0 * width, 2) + "%\"></i></span></li>";
  }
  return out + "</ol>";
}

std::string subject_html(const ReportRow& row) {
  std::string out = "<div class=\"subject\">";
  if (!row.photo.empty()) {
    out += "<div class=\"photo\" role=\"img\"" + attribute("aria-label", "Picture " + row.name) +
           " style=\"" + ratio_style(row.photo) + "\"></div>";
  }
  out += "<h2>" + html_escape(row.name) + "</h2>";
  if (!row.true_label.empty()) {
    out += "<p class=\"truth\">True class: " + html_escape(row.true_label) + "</p>";
  }
  if (row.error.empty() && row.correct) {
    out += *row.correct ? "<span class=\"badge right\">\xE2\x9C\x93 correct</span>"
                        : "<span class=\"badge wrong\">\xE2\x9C\x97 wrong</span>";
  }
  return out + predictions_html(row) + "</div>";
}

/// With pointed ends where values are clipped, which are then named.
std::string legend_html(const Limits& limits,
                        const Limits& extent,
                        Colormap colormap,
                        const char* kind) {
  const std::string low = end_label(limits, extent, false), high = end_label(limits, extent, true);
  const auto plain = [](float v) { return format_number(static_cast<double>(v)); };
  std::string ends;
  if (low != plain(limits.low)) ends += " clip-low";
  if (high != plain(limits.high)) ends += " clip-high";
  return std::string("<span class=\"legend ") + kind + "\"><span>" + typeset(low) +
         "</span><span class=\"ramp cm-" + to_string(colormap) + ends + "\"></span><span>" +
         typeset(high) + "</span></span>";
}

std::string row_attributes(const ReportRow& row) {
  const ReportPrediction first = row.predictions.empty() ? ReportPrediction{} : row.predictions[0];
  std::string words = row.name + " " + row.true_label + " " + row.error;
  for (const ReportPrediction& p : row.predictions) words += " " + p.label;
  const bool known = !row.predictions.empty() && std::isfinite(first.probability);
  return attribute("data-name", row.name) + attribute("data-predicted", first.label) +
         attribute("data-truth", row.true_label) + attribute("data-verdict", verdict_of(row)) +
         attribute("data-confidence", known ? fixed(first.probability, 6) : "") +
         attribute("data-text", lower(words));
}

}  // namespace

ReportBuilder::ReportBuilder(ReportHead head, ReportOptions options)
    : head_(std::move(head)), options_(options) {}

std::string ReportBuilder::data_uri(const Image& image, bool photo) const {
  validate(image, "report");
  const Image small = shrunk(image, options_.most_pixels_a_side);
  if (!photo && options_.lossless) return "data:image/png;base64," + base64(encode_png(small));
  // Colour carries the meaning of a map, so its chroma is not subsampled.
  return "data:image/jpeg;base64," + base64(encode_jpeg(small, {options_.jpeg_quality, !photo}));
}

std::string ReportBuilder::heat_html(const ReportRow& row,
                                     const ReportCell& cell,
                                     bool shared) const {
  const Limits& limits = shared ? cell.shared_limits : cell.limits;
  std::string alt = cell.method + " of " + row.name;
  if (!cell.target.empty()) alt += " for " + cell.target;
  if (!cell.layer.empty()) alt += ", layer " + cell.layer;
  if (cell.scaled) {
    const auto number = [](float v) { return format_number(static_cast<double>(v)); };
    alt += ", values " + number(limits.low) + " to " + number(limits.high);
    if (cell.extent.low < limits.low || cell.extent.high > limits.high)
      alt +=
          ", clipped: the map has " + number(cell.extent.low) + " to " + number(cell.extent.high);
  }
  return std::string("<img class=\"") + (shared ? "shared" : "own") + "\" src=\"" +
         data_uri(shared ? cell.shared_picture : cell.picture, false) + "\"" +
         attribute("alt", alt) + ">";
}

std::string ReportBuilder::cell_html(const ReportRow& row, const ReportCell& cell) const {
  const bool shared = !cell.shared_picture.empty();
  const bool over = cell.over_photo && !row.photo.empty();
  const Image& frame = row.photo.empty() ? cell.picture : row.photo;
  std::string out = std::string("<figure class=\"") + (shared ? "has-shared" : "only-own") + "\">";
  if (!cell.picture.empty()) {
    out += std::string("<button type=\"button\" class=\"stage") + (over ? " over" : "") + "\"" +
           attribute("aria-label", "Enlarge " + cell.method + " of " + row.name) + " style=\"" +
           ratio_style(frame) + "\"><span class=\"photo\"></span>" + heat_html(row, cell, false);
    if (shared) out += heat_html(row, cell, true);
    out += "</button>";
  }
  out += "<figcaption><b>" + html_escape(cell.method) + "</b>";
  if (!cell.layer.empty()) out += "<code>" + html_escape(cell.layer) + "</code>";
  if (!cell.target.empty()) {
    out += "<span class=\"line\">for " + html_escape(cell.target) + "</span>";
  }
  if (!cell.parameters.empty()) {
    out += "<span class=\"line\">" + html_escape(cell.parameters) + "</span>";
  }
  if (!cell.picture.empty() && cell.scaled) {
    out += legend_html(cell.limits, cell.extent, cell.colormap, "own");
    if (shared) out += legend_html(cell.shared_limits, cell.extent, cell.colormap, "shared");
  }
  if (is_relative(cell.raw_file)) {
    out += "<a href=\"" + url_of(cell.raw_file) + "\">raw values</a>";
  }
  if (!cell.warning.empty()) {
    out += "<span class=\"warning\">" + html_escape(cell.warning) + "</span>";
  }
  return out + "</figcaption></figure>";
}

void ReportBuilder::add(const ReportRow& row) {
  std::string out = "<article class=\"row\" tabindex=\"-1\"" + row_attributes(row);
  if (!row.photo.empty()) out += " style=\"--photo:url(" + data_uri(row.photo, true) + ")\"";
  out += ">" + subject_html(row);
  if (!row.error.empty()) {
    out += "<p class=\"error\"><b>No result.</b> " + html_escape(row.error) + "</p>";
  } else {
    out += "<div class=\"cells\">";
    for (const ReportCell& cell : row.cells) out += cell_html(row, cell);
    out += "</div>";
  }
  rows_.push_back(out + "</article>\n");
  // Counted only now: a row that throws above leaves the report as it was.
  for (const ReportCell& cell : row.cells) {
    colormaps_.insert(cell.colormap);
    has_shared_ = has_shared_ || !cell.shared_picture.empty();
    has_heat_ = has_heat_ || (cell.over_photo && !row.photo.empty());
    if (std::find(methods_.begin(), methods_.end(), cell.method) == methods_.end()) {
      methods_.push_back(cell.method);
    }
  }
  if (!row.error.empty()) {
    ++failed_;
  } else if (row.correct) {
    ++labelled_;
    correct_ += *row.correct ? 1 : 0;
  }
}

std::string ReportBuilder::html() const {
  page::Facts facts;
  facts.images = static_cast<std::int64_t>(rows_.size());
  facts.labelled = labelled_;
  facts.correct = correct_;
  facts.failed = failed_;
  facts.rows_labelled = labelled_ > 0;
  facts.rows_failed = failed_ > 0;
  if (head_.totals) {
    facts.images = head_.totals->images;
    facts.labelled = head_.totals->labelled;
    facts.correct = head_.totals->correct;
    facts.failed = head_.totals->failed;
  }
  facts.methods = methods_;
  facts.has_shared = has_shared_;
  facts.has_heat = has_heat_;
  facts.heat_weight =
      std::clamp(std::isfinite(options_.heat_weight) ? options_.heat_weight : 0.5, 0.0, 1.0);
  std::string ramps;
  for (const Colormap colormap : colormaps_) ramps += ramp_css(colormap);
  std::string out = page::opening(head_, facts, ramps);
  std::size_t size = out.size();
  for (const std::string& row : rows_) size += row.size();
  out.reserve(size + (std::size_t{1} << 16U));
  for (const std::string& row : rows_) out += row;
  return out + page::closing(head_, facts);
}

std::string report_file(int page) {
  return page <= 1 ? "report.html" : "report-" + std::to_string(page) + ".html";
}

void ReportBuilder::write(const std::string& path) const {
  files::write_file_atomically(path, html());
}

}  // namespace cutaway::explain
