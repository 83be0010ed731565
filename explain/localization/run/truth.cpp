#include "explain/localization/run/truth.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "explain/pictures/list.h"
#include "runtime/error.h"
#include "runtime/files/csv.h"
#include "runtime/files/read_file.h"

namespace cutaway::explain {
namespace {

using Json = nlohmann::json;

std::string last_part(const std::string& name) { return name.substr(name.find_last_of('/') + 1); }

RealBox checked(const RealBox& b) {
  const auto good = [](double v) { return std::isfinite(v) && std::fabs(v) < 1e6; };
  if (good(b.x1) && good(b.y1) && good(b.x2) && good(b.y2) && b.x1 <= b.x2 && b.y1 <= b.y2)
    return b;
  throw Error(ErrorKind::kInput, "a box of the truth").expected("x1 <= x2 and y1 <= y2, finite");
}

RealBox box_of(const Json& v) {
  return checked(
      {v.at(0).get<double>(), v.at(1).get<double>(), v.at(2).get<double>(), v.at(3).get<double>()});
}

std::optional<std::int64_t> label_of(const Json& item) {
  if (!item.contains("label") || item["label"].is_null()) return std::nullopt;
  const auto label = item["label"].get<std::int64_t>();
  if (label < 0) throw Error(ErrorKind::kInput, "a label of the truth").expected("0 or more");
  return label;
}

template <class T>
T number_of(const std::string& text, const files::CsvReader& csv) {
  T v{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc{} || end != text.data() + text.size()) {
    throw csv.error("not a number: '" + text.substr(0, 64) + "'");
  }
  return v;
}

}  // namespace

Truth::Truth(const std::string& path) {
  const std::vector<std::uint8_t> bytes = files::read_file(path, std::uint64_t{1} << 28U);
  const std::string text(bytes.begin(), bytes.end());
  try {
    if (lower_extension(path) == ".csv") {
      read_csv(text, path);
    } else {
      read_json(text);
    }
  } catch (const Json::exception& error) {
    throw Error(ErrorKind::kInput, std::string("damaged truth: ") + error.what())
        .at(path)
        .hint("a list of {file, label, boxes}, or a CSV with file, label, x1, y1, x2, y2");
  } catch (const Error& error) {
    throw error.located(path);
  }
}

PictureTruth& Truth::picture(const std::string& name) {
  const auto [at, fresh] = by_name_.emplace(name, pictures_.size());
  if (!fresh) return pictures_[at->second];
  const auto [last, first_of_it] = by_last_part_.emplace(last_part(name), pictures_.size());
  if (!first_of_it) last->second.reset();
  return pictures_.emplace_back();
}

void Truth::read_json(const std::string& text) {
  const Json root = Json::parse(text);
  for (const Json& item : root.is_array() ? root : root.at("images")) {
    PictureTruth& p = picture(item.at("file").get<std::string>());
    p.label = label_of(item);
    if (item.contains("box")) p.boxes.push_back(box_of(item["box"]));
    if (!item.contains("boxes")) continue;
    for (const Json& box : item["boxes"]) p.boxes.push_back(box_of(box));
  }
}

void Truth::read_csv(const std::string& text, const std::string& path) {
  files::CsvReader csv(text, path);
  std::vector<std::string> header, row;
  if (!csv.next(header)) throw Error(ErrorKind::kInput, "an empty list");
  const auto column = [&](const char* name) {
    return static_cast<std::size_t>(std::ranges::find(header, name) - header.begin());
  };
  const std::size_t file = column("file"), label = column("label"), x1 = column("x1"),
                    y1 = column("y1"), x2 = column("x2"), y2 = column("y2");
  if (file == header.size()) throw csv.error("no column 'file'");
  const bool boxes = std::max({x1, y1, x2, y2}) < header.size();
  while (csv.next(row)) {
    if (row.size() != header.size()) throw csv.error("another number of fields than the header");
    PictureTruth& p = picture(row[file]);
    if (label < header.size() && !row[label].empty()) {
      p.label = number_of<std::int64_t>(row[label], csv);
      if (*p.label < 0) throw csv.error("a label below 0");
    }
    if (!boxes || row[x1].empty()) continue;
    p.boxes.push_back(checked({number_of<double>(row[x1], csv), number_of<double>(row[y1], csv),
                               number_of<double>(row[x2], csv), number_of<double>(row[y2], csv)}));
  }
}

const PictureTruth* Truth::find(const std::string& name) const {
  const auto exact = by_name_.find(name);
  if (exact != by_name_.end()) return &pictures_[exact->second];
  const auto last = by_last_part_.find(last_part(name));
  return last != by_last_part_.end() && last->second ? &pictures_[*last->second] : nullptr;
}

}  // namespace cutaway::explain
