#include "explain/localization/run/truth.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <initializer_list>
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

/// Names under which others keep boxes, in other forms.
void refuse_other_boxes(const Json& item) {
  for (const char* name :
       {"bbox", "bboxes", "bndbox", "xmin", "x1", "rect", "annotations", "objects"}) {
    if (!item.contains(name)) continue;
    std::string seen;
    for (const auto& [key, value] : item.items()) seen += (seen.empty() ? "" : ", ") + key;
    throw Error(ErrorKind::kInput,
                "boxes under a name that is not understood: '" + std::string(name) + "'")
        .expected("box: [x1, y1, x2, y2], or boxes: a list of them")
        .got(seen.substr(0, 120))
        .hint("both corners are inclusive pixels; COCO's bbox is x, y, width, height");
  }
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

Truth::Truth(const std::string& path, std::int64_t classes) : classes_(classes) {
  if (lower_extension(path) == ".xml") {
    throw Error(ErrorKind::kUnsupported, "annotations in XML (PASCAL VOC) are not read")
        .at(path)
        .hint("write a CSV with the columns file,label,xmin,ymin,xmax,ymax");
  }
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
  if (root.is_object() && root.contains("images") && root.contains("annotations"))
    return read_coco(text);
  for (const Json& item : root.is_array() ? root : root.at("images")) {
    PictureTruth& p = picture(item.at("file").get<std::string>());
    p.label = label_of(item);
    if (p.label) check_label(*p.label, classes_, item["file"].get<std::string>());
    refuse_other_boxes(item);
    if (item.contains("box")) p.boxes.push_back(box_of(item["box"]));
    if (!item.contains("boxes")) continue;
    for (const Json& box : item["boxes"]) p.boxes.push_back(box_of(box));
  }
}

// https://cocodataset.org/#format-data: x and y of the top left corner, width and height, in
// pixels that count from 0.
void Truth::read_coco(std::string_view text) {
  const Json root = Json::parse(text);
  std::unordered_map<std::int64_t, std::string> names;
  for (const Json& image : root.at("images")) {
    const auto name = image.at("file_name").get<std::string>();
    names[image.at("id").get<std::int64_t>()] = name;
    (void)picture(name);
  }
  for (const Json& item : root["annotations"]) {
    const auto name = names.find(item.at("image_id").get<std::int64_t>());
    if (name == names.end())
      throw Error(ErrorKind::kInput, "an annotation of an image that is not listed");
    const Json& b = item.at("bbox");
    const double x = b.at(0).get<double>(), y = b.at(1).get<double>();
    picture(name->second)
        .boxes.push_back(
            checked({x, y, x + b.at(2).get<double>() - 1, y + b.at(3).get<double>() - 1}));
  }
  note_ =
      "the truth is COCO's: its categories are no classes of the network, so labels are only "
      "those of the list of pictures";
}

namespace {

/// The columns of a CSV of boxes.
struct BoxColumns {
  std::array<std::size_t, 4> at{};  // x1 y1 x2 y2, or x y width height
  bool any{false}, sizes{false};
};

std::size_t column_named(const std::vector<std::string>& header,
                         std::initializer_list<std::string_view> names) {
  for (std::size_t i = 0; i < header.size(); ++i) {
    std::string word = header[i];
    for (char& c : word) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (std::find(names.begin(), names.end(), word) != names.end()) return i;
  }
  return header.size();
}

BoxColumns box_columns(const std::vector<std::string>& header, const files::CsvReader& csv) {
  const std::size_t none = header.size();
  const auto named = [&](std::initializer_list<std::string_view> names) {
    return column_named(header, names);
  };
  const std::array corners{
      named({"x1", "xmin", "x_min", "left"}), named({"y1", "ymin", "y_min", "top"}),
      named({"x2", "xmax", "x_max", "right"}), named({"y2", "ymax", "y_max", "bottom"})};
  const std::array sizes{named({"x"}), named({"y"}), named({"width", "w"}), named({"height", "h"})};
  BoxColumns found;
  if (std::ranges::count(corners, none) == 0) {
    found.any = true;
    found.at = corners;
  } else if (std::ranges::count(sizes, none) == 0) {
    found.any = found.sizes = true;
    found.at = sizes;
  } else if (std::ranges::count(corners, none) < 4 || named({"bbox", "box", "boxes"}) != none) {
    std::string seen;
    for (const std::string& field : header) seen += (seen.empty() ? "" : ", ") + field;
    throw csv.error("columns of boxes")
        .expected("x1, y1, x2, y2 (or xmin, ymin, xmax, ymax; or x, y, width, height)")
        .got(seen.substr(0, 200));
  }
  return found;
}

}  // namespace

void Truth::read_csv(const std::string& text, const std::string& path) {
  files::CsvReader csv(text, path);
  csv.trim();
  std::vector<std::string> header, row;
  if (!csv.next(header)) throw Error(ErrorKind::kInput, "an empty list");
  const std::size_t file = column_named(header, {"file", "filename", "file_name", "path", "image"});
  const std::size_t label = column_named(header, {"label"});
  const BoxColumns box = box_columns(header, csv);
  std::string seen;
  for (const std::string& field : header) seen += (seen.empty() ? "" : ", ") + field;
  if (file == header.size()) throw csv.error("no column 'file'").got(seen.substr(0, 200));
  if (!box.any) note_ = "the truth has no boxes: its columns are " + seen.substr(0, 200);
  if (box.any && label == header.size())
    note_ = "the truth has no labels: its columns are " + seen.substr(0, 200);
  while (csv.next(row)) {
    if (row.size() != header.size()) throw csv.error("another number of fields than the header");
    PictureTruth& p = picture(row[file]);
    if (label < header.size() && !row[label].empty()) {
      p.label = number_of<std::int64_t>(row[label], csv);
      if (*p.label < 0) throw csv.error("a label below 0");
      check_label(*p.label, classes_, path + ":" + std::to_string(csv.line()));
    }
    if (!box.any || row[box.at[0]].empty()) continue;
    std::array<double, 4> v{};
    for (std::size_t k = 0; k < 4; ++k) v[k] = number_of<double>(row[box.at[k]], csv);
    if (box.sizes) v = {v[0], v[1], v[0] + v[2] - 1, v[1] + v[3] - 1};
    p.boxes.push_back(checked({v[0], v[1], v[2], v[3]}));
  }
}

const PictureTruth* Truth::find(const std::string& name) const {
  const auto exact = by_name_.find(name);
  if (exact != by_name_.end()) return &pictures_[exact->second];
  const auto last = by_last_part_.find(last_part(name));
  return last != by_last_part_.end() && last->second ? &pictures_[*last->second] : nullptr;
}

}  // namespace cutaway::explain
