#include "weights/import/report.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "weights/json.h"

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
      {"source", "extents", "type", "rule", "target", "extents", "mean", "deviation", "crc32"}};
  for (const ImportRow& r : report.rows) {
    lines.push_back({r.source, r.source_extents, r.dtype, r.rule, r.target, r.target_extents,
                     number(r.mean), number(r.deviation), r.checksum});
  }
  std::array<std::size_t, kColumns> widths{};
  for (const Line& line : lines) {
    for (std::size_t c = 0; c < kColumns; ++c) widths[c] = std::max(widths[c], line[c].size());
  }
  std::string text = report.format + " " + report.source_file +
                     (report.producer.empty() ? "" : " by " + report.producer) + " sha256 " +
                     report.source_sha256 + "\n";
  for (const Line& line : lines) {
    for (std::size_t c = 0; c + 1 < kColumns; ++c) {
      text += line[c] + std::string(widths[c] - line[c].size() + 2, ' ');
    }
    text += line.back() + "\n";
  }
  text += list("note: ", report.notes);
  text += list("missing, left at zero: ", report.missing);
  for (const UnusedRow& r : report.unused) {
    text += "left out: " + r.source + " (" + r.extents + " " + r.dtype + "): " + r.reason + "\n";
  }
  return text;
}

std::string to_json(const ImportReport& report) {
  Json rows = Json::array();
  for (const ImportRow& r : report.rows) {
    rows.push_back({{"source", r.source},
                    {"source_extents", r.source_extents},
                    {"type", r.dtype},
                    {"transform", r.rule},
                    {"target", r.target},
                    {"target_extents", r.target_extents},
                    {"mean", r.mean},
                    {"deviation", r.deviation},
                    {"crc32", r.checksum}});
  }
  Json unused = Json::array();
  for (const UnusedRow& r : report.unused) {
    unused.push_back(
        {{"source", r.source}, {"extents", r.extents}, {"type", r.dtype}, {"reason", r.reason}});
  }
  return json_text({{"format", report.format},
                    {"producer", report.producer},
                    {"source_file", report.source_file},
                    {"source_sha256", report.source_sha256},
                    {"parameters", std::move(rows)},
                    {"notes", report.notes},
                    {"missing", report.missing},
                    {"left_out", std::move(unused)}});
}

}  // namespace cutaway::weights
