#include "explain/pictures/objects.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "explain/pictures/list.h"
#include "explain/pictures/resample.h"
#include "runtime/error.h"
#include "runtime/files/read_file.h"
#include "runtime/philox.h"

namespace cutaway::explain {
namespace {

using Json = nlohmann::json;

std::string text_of(const PixelBox& box) {
  char text[96];
  std::snprintf(text, sizeof text, "[%g, %g, %g, %g]", box.x1, box.y1, box.x2, box.y2);
  return text;
}

/// A box of an entry; `what` names it where its corners were exchanged.
PixelBox read_box(const Json& value, const std::string& what, ObjectEntry& entry) {
  if (!value.is_array() || value.size() != 4)
    throw Error(ErrorKind::kInput, "a box is [x1, y1, x2, y2]");
  PixelBox box{value[0].get<double>(), value[1].get<double>(), value[2].get<double>(),
               value[3].get<double>()};
  for (const double v : {box.x1, box.y1, box.x2, box.y2}) {
    if (!(std::abs(v) < 1e6)) throw Error(ErrorKind::kInput, "a box outside of any picture");
  }
  if (box.x2 >= box.x1 && box.y2 >= box.y1) return box;
  entry.mended.push_back(what + " " + text_of(box) + ": corners the wrong way round, exchanged");
  if (box.x2 < box.x1) std::swap(box.x1, box.x2);
  if (box.y2 < box.y1) std::swap(box.y1, box.y2);
  return box;
}

constexpr const char* kObject = "the object's box";

PartBox part_of(const std::string& name, const PixelBox& box) {
  return {name, box, (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2, true};
}

/// ILSVRC Animal-Part: every member that is a box, other than the object's, is a part.
ObjectEntry animal(const Json& item, const std::string& folder) {
  ObjectEntry entry;
  entry.name = item.at("file").get<std::string>();
  entry.path = folder + "/" + entry.name;
  entry.category = item.value("name", "");
  entry.box = read_box(item.at("box"), kObject, entry);
  for (const auto& [key, value] : item.items()) {
    if (key != "box" && value.is_array() && value.size() == 4)
      entry.parts.push_back(part_of(key, read_box(value, key, entry)));
  }
  return entry;
}

ObjectEntry creature(const Json& item, const Json& classes, const std::string& folder) {
  ObjectEntry entry;
  entry.name = item.at("file").get<std::string>();
  entry.path = folder + "/" + entry.name;
  entry.category = classes.at(item.at("label").get<std::size_t>()).get<std::string>();
  entry.box = read_box(item.at("box"), kObject, entry);
  for (const Json& part : item.at("parts")) {
    const auto name = part.at("name").get<std::string>();
    PartBox p = part_of(name, read_box(part.at("box"), name, entry));
    p.center_x = part.at("center").at(0).get<double>();
    p.center_y = part.at("center").at(1).get<double>();
    p.seen = part.value("visible", 1.0) >= 0.5;
    entry.parts.push_back(std::move(p));
  }
  return entry;
}

/// A picture's boxes by the names of its parts; "object" is the object's own.
ObjectEntry mapped(const std::string& file, const Json& boxes, const std::string& folder) {
  ObjectEntry entry;
  entry.name = file;
  entry.path = folder + "/" + file;
  for (const auto& [name, value] : boxes.items()) {
    const PixelBox box = read_box(value, name == "object" ? kObject : name, entry);
    if (name == "object") {
      entry.box = box;
    } else {
      entry.parts.push_back(part_of(name, box));
    }
  }
  return entry;
}

std::vector<ObjectEntry> read_list(const std::string& file, const std::string& folder) {
  const std::vector<std::uint8_t> bytes = files::read_file(file);
  std::vector<ObjectEntry> entries;
  try {
    const Json list = Json::parse(bytes.begin(), bytes.end());
    if (list.is_array()) {
      for (const Json& item : list) entries.push_back(animal(item, folder));
    } else if (!list.contains("images")) {
      for (const auto& [picture, boxes] : list.items())
        entries.push_back(mapped(picture, boxes, folder));
    } else {
      const Json& classes = list.at("classes");
      for (const Json& item : list.at("images")) entries.push_back(creature(item, classes, folder));
    }
  } catch (const Json::exception& error) {
    throw Error(ErrorKind::kInput, std::string("damaged list of objects: ") + error.what())
        .at(file);
  } catch (const Error& error) {
    throw error.located(file);
  }
  return entries;
}

bool is_whole(const PixelBox& box) { return box == PixelBox{}; }

/// Cuts a box at the edges of its picture; false where it lies outside. `over`: by how many pixels
/// it reached out.
bool clip(PixelBox& box, int width, int height, double& over) {
  const double right = width - 1.0, bottom = height - 1.0;
  over = std::max({-box.x1, -box.y1, box.x2 - right, box.y2 - bottom, 0.0});
  if (box.x2 < 0.0 || box.y2 < 0.0 || box.x1 > right || box.y1 > bottom) return false;
  box = {std::max(box.x1, 0.0), std::max(box.y1, 0.0), std::min(box.x2, right),
         std::min(box.y2, bottom)};
  return true;
}

void settle_part(PartBox& part, ObjectEntry& object, int width, int height) {
  const PixelBox before = part.box;
  const bool middle =
      part.center_x == (before.x1 + before.x2) / 2 && part.center_y == (before.y1 + before.y2) / 2;
  double over = 0.0;
  const bool inside = clip(part.box, width, height, over);
  if (over > 1.0 && part.seen) {
    object.mended.push_back(part.name + " " + text_of(before) +
                            (inside ? ": reaches over the edge, cut there"
                                    : ": lies outside of its picture, taken as not seen"));
  }
  if (middle && inside) {
    part.center_x = (part.box.x1 + part.box.x2) / 2;
    part.center_y = (part.box.y1 + part.box.y2) / 2;
  }
  const PixelBox& o = object.box;
  part.seen = part.seen && inside && part.center_x >= o.x1 - 0.5 && part.center_x <= o.x2 + 0.5 &&
              part.center_y >= o.y1 - 0.5 && part.center_y <= o.y2 + 0.5;
}

void shift(PixelBox& box, double jitter, const Philox& random) {
  const double width = box.width() * (1 - jitter);
  const double height = box.height() * (1 - jitter);
  box.x1 += (box.width() - width) * static_cast<double>(random.uniform(0));
  box.y1 += (box.height() - height) * static_cast<double>(random.uniform(1));
  box.x2 = box.x1 + width - 1;
  box.y2 = box.y1 + height - 1;
}

std::vector<ObjectEntry> whole_pictures(const std::string& folder) {
  std::vector<ObjectEntry> entries;
  for (const ImageEntry& image : list_folder(folder, true)) {
    entries.push_back({image.path, image.name, "", {}, {}, {}});
  }
  return entries;
}

}  // namespace

std::vector<ObjectEntry> read_objects(const ObjectQuery& query) {
  namespace fs = std::filesystem;
  std::string file = query.boxes;
  for (const char* name : {"/parts.json", "/truth.json"}) {
    if (file.empty() && fs::is_regular_file(query.data + name)) file = query.data + name;
  }
  std::vector<ObjectEntry> all =
      file.empty() ? whole_pictures(query.data) : read_list(file, query.data);
  std::set<std::string> categories;
  std::vector<ObjectEntry> kept;
  for (ObjectEntry& entry : all) {
    categories.insert(entry.category);
    if (!query.category.empty() && entry.category != query.category) continue;
    const bool whole = is_whole(entry.box);
    if (!whole && entry.box.width() * entry.box.height() < query.min_area) continue;
    if (query.most > 0 && static_cast<std::int64_t>(kept.size()) == query.most) break;
    if (!whole && query.jitter > 0) shift(entry.box, query.jitter, {query.seed, kept.size()});
    kept.push_back(std::move(entry));
  }
  if (kept.empty()) {
    std::string known;
    for (const std::string& c : categories) known += (known.empty() ? "" : ", ") + c;
    throw Error(
        ErrorKind::kInput,
        "no objects" + (query.category.empty() ? "" : " of category '" + query.category + "'"))
        .at(query.data)
        .hint(known.empty() ? "lower --min-area" : "categories there: " + known);
  }
  return kept;
}

std::vector<std::string> part_names(const std::vector<ObjectEntry>& objects) {
  std::set<std::string> names;
  for (const ObjectEntry& o : objects) {
    for (const PartBox& p : o.parts) names.insert(p.name);
  }
  return {names.begin(), names.end()};
}

std::string mirrored_name(const std::string& name) {
  std::string turned;
  for (std::size_t at = 0; at < name.size();) {
    const std::size_t end = std::min(name.find_first_of("_- ", at), name.size());
    const std::string word = name.substr(at, end - at);
    turned += word == "left" ? "right" : word == "right" ? "left" : word;
    if (end < name.size()) turned += name[end];
    at = end + 1;
  }
  return turned;
}

void settle(ObjectEntry& object, int width, int height) {
  const PixelBox whole{0.0, 0.0, width - 1.0, height - 1.0};
  if (is_whole(object.box)) {
    object.box = whole;
  } else {
    const PixelBox before = object.box;
    double over = 0.0;
    if (!clip(object.box, width, height, over)) {
      throw Error(ErrorKind::kInput, "the object's box lies outside of its picture")
          .at(object.name)
          .expected("within " + std::to_string(width) + "x" + std::to_string(height) + " pixels")
          .got(text_of(before))
          .hint("boxes are in pixels of the file as it is stored, after its orientation");
    }
    if (over > 1.0) {
      object.mended.push_back(std::string(kObject) + " " + text_of(before) + " of " +
                              std::to_string(width) + "x" + std::to_string(height) +
                              " pixels: reaches over the edge, cut there");
    }
    object.box = {std::round(object.box.x1), std::round(object.box.y1), std::round(object.box.x2),
                  std::round(object.box.y2)};
    clip(object.box, width, height, over);
  }
  for (PartBox& part : object.parts) settle_part(part, object, width, height);
}

Image cut_out(const Image& picture, const PixelBox& box, int width, int height, bool mirrored) {
  Rect where{0, 0, picture.width, picture.height};
  if (!is_whole(box)) {
    const auto pixel = [](double v, int most) {
      return static_cast<int>(std::clamp(std::round(v), 0.0, most - 1.0));
    };
    where.x = pixel(box.x1, picture.width);
    where.y = pixel(box.y1, picture.height);
    where.width = pixel(box.x2, picture.width) - where.x + 1;
    where.height = pixel(box.y2, picture.height) - where.y + 1;
    if (where.width < 1 || where.height < 1) throw Error(ErrorKind::kInput, "an empty box");
  }
  Image cut = resize(crop(picture, where), width, height, Resample::kCubicMatlab);
  if (!mirrored) return cut;
  Image turned = make_image(width, height);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) turned.set(width - 1 - x, y, cut.at(x, y));
  }
  return turned;
}

PixelBox in_cutting(const PixelBox& inner, const PixelBox& object, double width, double height) {
  const double sx = width / object.width();
  const double sy = height / object.height();
  // A pixel is the square around its centre.
  return {(inner.x1 - object.x1) * sx, (inner.y1 - object.y1) * sy,
          (inner.x2 + 1 - object.x1) * sx - 1, (inner.y2 + 1 - object.y1) * sy - 1};
}

}  // namespace cutaway::explain
