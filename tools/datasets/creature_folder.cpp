#include "tools/datasets/creature_folder.h"

#include <cstdio>
#include <exception>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "explain/pictures/write_image.h"
#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "runtime/files/folder.h"
#include "runtime/progress.h"

namespace cutaway::tools {

using namespace explain;
namespace {

using Json = nlohmann::ordered_json;

std::string number(std::uint64_t index) {
  char text[24];
  std::snprintf(text, sizeof text, "%06llu", static_cast<unsigned long long>(index));
  return text;
}

Image mask_image(const creatures::Creature& c) {
  Image image = make_image(c.size, c.size);
  for (std::size_t i = 0; i < c.mask.size(); ++i) {
    for (std::size_t k = 0; k < 3; ++k) image.rgb[3 * i + k] = c.mask[i];
  }
  return image;
}

Json truth_of(const creatures::Creature& c, const std::string& name) {
  Json parts = Json::array();
  for (const creatures::PartTruth& p : c.parts) {
    parts.push_back({{"name", p.name},
                     {"box", {p.x1, p.y1, p.x2, p.y2}},
                     {"center", {p.cx, p.cy}},
                     {"visible", p.visible}});
  }
  return {{"file", "images/" + name + ".png"},
          {"mask", "masks/" + name + ".png"},
          {"label", c.label},
          {"box", {c.x1, c.y1, c.x2, c.y2}},
          {"occluded", c.occluded},
          {"parts", std::move(parts)}};
}

}  // namespace

void write_creatures(const std::string& folder,
                     const creatures::Options& options,
                     std::uint64_t first,
                     std::uint64_t count,
                     int threads,
                     Observer& observer) {
  files::make_folder(folder + "/images");
  files::make_folder(folder + "/masks");
  std::vector<std::string> rows(count);
  std::vector<Json> truths(count);
  std::exception_ptr failure;
  Progress progress(observer, "render", static_cast<std::int64_t>(count));
#pragma omp parallel for schedule(dynamic, 8) num_threads(threads)
  for (std::uint64_t i = 0; i < count; ++i) {
    if (observer.cancelled()) continue;
    try {
      const creatures::Creature c = creatures::render(options, first + i);
      const std::string name = number(first + i);
      write_png(folder + "/images/" + name + ".png", {c.size, c.size, c.rgb});
      write_png(folder + "/masks/" + name + ".png", mask_image(c));
      truths[i] = truth_of(c, name);
      rows[i] = "images/" + name + ".png," + std::to_string(c.label) + "," +
                creatures::class_names()[static_cast<std::size_t>(c.label)] + "\n";
    } catch (...) {
#pragma omp critical
      failure = std::current_exception();
    }
#pragma omp critical
    progress.add();
  }
  if (failure) std::rethrow_exception(failure);
  throw_if_cancelled(observer);
  const Json truth{{"classes", creatures::class_names()},
                   {"size", options.size},
                   {"seed", options.seed},
                   {"first", first},
                   {"images", truths}};
  files::write_file_atomically(folder + "/truth.json", truth.dump(1));
  std::string csv = "file,label,class\n";
  for (const std::string& row : rows) csv += row;
  files::write_file_atomically(folder + "/labels.csv", csv);
}

}  // namespace cutaway::tools
