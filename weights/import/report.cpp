#include "weights/import/report.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace cutaway::weights {
namespace {

constexpr std::size_t kColumns = 9;
using Line = std::array<std::string, kColumns>;

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

std::string list(const char* title, const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += title + name + "\n";
  return text;
}

}  // namespace

std::string to_text(const ImportReport& report) {
  std::vector<Line> lines{
      {"source", "extents", "type", "rule", "target", "extents", "mean", "deviation", "xxh64"}};
  for (const ImportRow& r : report.rows) {
    lines.push_back({r.source, r.source_extents, r.dtype, r.rule, r.target, r.target_extents,
                     number(r.mean), number(r.deviation), r.checksum});
  }
  std::array<std::size_t, kColumns> widths{};
  for (const Line& line : lines) {
    for (std::size_t c = 0; c < kColumns; ++c) widths[c] = std::max(widths[c], line[c].size());
  }
  std::string text =
      report.format + " " + report.source_file + " sha256 " + report.source_sha256 + "\n";
  for (const Line& line : lines) {
    for (std::size_t c = 0; c + 1 < kColumns; ++c) {
      text += line[c] + std::string(widths[c] - line[c].size() + 2, ' ');
    }
    text += line.back() + "\n";
  }
  return text + list("missing, left at zero: ", report.missing) + list("ignored: ", report.ignored);
}

}  // namespace cutaway::weights
