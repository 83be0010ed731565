#include "explain/study/run/part_images.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "explain/pictures/preprocess.h"
#include "explain/pictures/read_image.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

namespace fs = std::filesystem;

bool same_file(const std::string& a, const std::string& b) {
  std::error_code ignored;
  return fs::equivalent(a, b, ignored);
}

/// The objects of the folder, or of the pictures named.
std::vector<ObjectEntry> candidates(const CorrespondenceJob& job) {
  const bool folder = job.inputs.size() == 1 && fs::is_directory(job.inputs.front());
  if (!folder && job.boxes.empty()) {
    throw Error(ErrorKind::kUsage, "where are the parts?")
        .expected("a folder with parts.json or truth.json in it, or --boxes FILE");
  }
  ObjectQuery query;
  query.data = folder ? job.inputs.front() : fs::path(job.boxes).parent_path().string();
  if (query.data.empty()) query.data = ".";
  query.boxes = job.boxes;
  query.category = job.category;
  query.min_area = 0;
  std::vector<ObjectEntry> all = read_objects(query);
  if (folder) return all;
  std::vector<ObjectEntry> named;
  for (const std::string& input : job.inputs) {
    const auto at =
        std::ranges::find_if(all, [&](const ObjectEntry& o) { return same_file(o.path, input); });
    if (at == all.end()) {
      throw Error(ErrorKind::kInput, "the picture is not in the list of boxes")
          .at(input)
          .hint(job.boxes);
    }
    named.push_back(*at);
  }
  return named;
}

const PartBox* part_of(const ObjectEntry& object, const std::string& name) {
  for (const PartBox& p : object.parts) {
    if (p.name == name && p.seen) return &p;
  }
  return nullptr;
}

bool has_all(const ObjectEntry& object, const std::vector<std::string>& parts) {
  return std::ranges::all_of(parts,
                             [&](const std::string& p) { return part_of(object, p) != nullptr; });
}

std::int64_t having(const std::vector<ObjectEntry>& objects,
                    const std::vector<std::string>& parts) {
  return std::ranges::count_if(objects, [&](const ObjectEntry& o) { return has_all(o, parts); });
}

/// As many parts as `count` objects share, those that most objects have first.
std::vector<std::string> shared_parts(const std::vector<ObjectEntry>& objects, std::int64_t count) {
  std::vector<std::string> names = part_names(objects), chosen;
  std::ranges::stable_sort(names, [&](const std::string& a, const std::string& b) {
    return having(objects, {a}) > having(objects, {b});
  });
  for (const std::string& name : names) {
    chosen.push_back(name);
    if (having(objects, chosen) < count) chosen.pop_back();
  }
  return chosen;
}

std::string census(const std::vector<ObjectEntry>& objects) {
  std::string text;
  for (const std::string& name : part_names(objects))
    text += (text.empty() ? "" : ", ") + name + " " + std::to_string(having(objects, {name}));
  return std::to_string(objects.size()) + " objects; parts: " + (text.empty() ? "none" : text);
}

/// Reads an object's picture and adds it; false when a part lies outside of what the net sees.
bool add(const ObjectEntry& object, bool cut, const StudyFrame& frame, PartImages& found) {
  const Image picture = read_image(object.path);
  const weights::Preprocess& rule = frame.package().preprocess;
  const Shape& shape = frame.graph().node(0).shape;
  const int width = static_cast<int>(shape.w), height = static_cast<int>(shape.h);
  const bool whole = object.box.width() <= 1;
  const PixelBox box =
      whole ? PixelBox{0, 0, picture.width - 1.0, picture.height - 1.0} : object.box;
  const Rect view = seen_part(picture.width, picture.height, rule);
  Image seen = cut ? cut_out(picture, box, width, height) : resize_and_crop(picture, rule);
  const auto place = [&](const PixelBox& b) {
    if (!cut) return region_seen(b, view, width, height);
    const PixelBox inner = in_cutting(b, box, width, height);
    return region_seen(inner, {0, 0, width, height}, width, height);
  };
  CorrespondenceImage image{frame.input_of(seen, object.name), place(box), {}};
  for (const std::string& name : found.parts)
    image.parts.push_back(place(part_of(object, name)->box));
  if (std::ranges::any_of(image.parts, [](const Region& r) { return r.empty(); })) return false;
  found.images.push_back(std::move(image));
  found.pictures.push_back({object.name, std::move(seen)});
  return true;
}

}  // namespace

Region region_seen(const PixelBox& box, const Rect& seen, int width, int height) {
  const double across = static_cast<double>(width) / seen.width;
  const double down = static_cast<double>(height) / seen.height;
  // A pixel is the square around its centre; a box reaches from the first one's edge to the last
  // one's.
  const auto span = [](double from, double to, double scale, int extent) {
    const auto first = static_cast<std::int64_t>(std::floor(from * scale + 1e-9));
    const auto last = static_cast<std::int64_t>(std::ceil((to + 1) * scale - 1e-9)) - 1;
    return Span{std::max<std::int64_t>(0, first), std::min<std::int64_t>(extent - 1, last)};
  };
  return {span(box.y1 - seen.y, box.y2 - seen.y, down, height),
          span(box.x1 - seen.x, box.x2 - seen.x, across, width)};
}

PartImages read_part_images(const CorrespondenceJob& job,
                            StudyFrame& frame,
                            const RunContext& context) {
  const std::vector<ObjectEntry> objects = candidates(job);
  const bool folder = job.inputs.size() == 1 && fs::is_directory(job.inputs.front());
  const std::int64_t count = folder ? job.count : static_cast<std::int64_t>(objects.size());
  PartImages found;
  found.parts = job.parts.empty() ? shared_parts(objects, count) : job.parts;
  if (found.parts.empty() || having(objects, found.parts) < 2) {
    throw Error(ErrorKind::kInput, "too few objects with these parts")
        .at(job.inputs.front())
        .got(census(objects));
  }
  for (const ObjectEntry& object : objects) {
    if (static_cast<std::int64_t>(found.images.size()) == count) break;
    if (!has_all(object, found.parts)) continue;
    throw_if_cancelled(context.observer);
    try {
      if (!add(object, job.cut, frame, found))
        context.observer.info(object.name + ": a part lies outside of what the net sees");
    } catch (const Error& error) {
      if (!concerns_picture(error.kind())) throw;
      frame.fail(object.name, error.what());
    }
  }
  if (found.images.size() < 2) {
    throw Error(ErrorKind::kInput, "too few objects with these parts")
        .at(job.inputs.front())
        .got(census(objects));
  }
  if (static_cast<std::int64_t>(found.images.size()) < count)
    context.observer.info("only " + std::to_string(found.images.size()) +
                          " objects have all parts");
  return found;
}

}  // namespace cutaway::explain
