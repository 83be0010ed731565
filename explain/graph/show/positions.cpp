#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "explain/graph/run/complaints_json.h"
#include "explain/graph/show/show_graph.h"
#include "explain/pictures/draw.h"
#include "explain/pictures/read_image.h"
#include "explain/pictures/write_image.h"
#include "explain/render/panel.h"
#include "runtime/files/atomic_file.h"

namespace cutaway::explain {
namespace {

using Json = nlohmann::ordered_json;

/// A place in the cutting as a place in the picture it was cut from.
std::pair<double, double> in_picture(const Scene& scene, std::int64_t i, double x, double y) {
  const auto at = static_cast<std::size_t>(i);
  if (!scene.mirror.empty() && scene.mirror[at] != 0) x = scene.side - 1 - x;
  const PixelBox& box = scene.features.objects[at].box;
  return {box.x1 + (x + 0.5) * box.width() / scene.side - 0.5,
          box.y1 + (y + 0.5) * box.height() / scene.side - 0.5};
}

/// Colours far apart for neighbours in the list.
Rgb colour_of(std::size_t k) {
  const auto wave = [&](double phase) {
    return static_cast<std::uint8_t>(128 +
                                     127 * std::sin(2.399963 * static_cast<double>(k) + phase));
  };
  return {wave(0), wave(2.1), wave(4.2)};
}

}  // namespace

void write_positions(const Scene& scene, const ShowOptions& o, RunFolder& folder) {
  std::vector<std::string> names;
  for (const ObjectEntry& object : scene.features.objects) names.push_back(object.name);
  save_positions(scene.graph(), scene.records, names, folder.claim("positions.h5"));
  Json pictures = Json::array();
  std::vector<Tile> tiles;
  for (std::int64_t i = 0; i < scene.images(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    Image marked = magnify(scene.features.cuttings[at], scene.side < 128 ? 3 : 1);
    const double scale = static_cast<double>(marked.width) / scene.side;
    Json layers = Json::array();
    for (std::size_t l = 0; l < scene.records.size(); ++l) {
      const auto& layer = scene.graph().layers[l];
      Json nodes = Json::array();
      const auto order = by_rank(layer);
      for (std::size_t k = 0; k < std::min(order.size(), static_cast<std::size_t>(o.nodes)); ++k) {
        const std::int32_t n = order[k];
        const auto p = scene.place(l, n, i);
        const auto [x, y] = in_picture(scene, i, p.w, p.h);
        const double total =
            static_cast<double>(scene.records[l].total.at(n, i)) / layer.score_unit;
        nodes.push_back(
            {{"node", n},
             {"filter", n / layer.spec.nodes},
             {"x", x},
             {"y", y},
             {"cut_x", p.w},
             {"cut_y", p.h},
             {"score", total},
             {"peak", static_cast<double>(scene.records[l].peak.at(n, i)) / layer.score_unit}});
        const Rect box{static_cast<int>((p.w + 0.5) * scale) - 4,
                       static_cast<int>((p.h + 0.5) * scale) - 4, 9, 9};
        if (total > 0.5) draw_rect(marked, box, 2, colour_of(k));
      }
      layers.push_back({{"layer", layer.spec.name}, {"nodes", nodes}});
    }
    pictures.push_back({{"file", scene.features.objects[at].name},
                        {"mirrored", !scene.mirror.empty() && scene.mirror[at] != 0},
                        {"layers", layers}});
    if (i < o.pictures) tiles.push_back({marked, scene.features.objects[at].name, ""});
  }
  write_png(folder.claim("positions.png"),
            grid(tiles, std::min<int>(4, static_cast<int>(tiles.size()))));
  Json complaints = complaints_json(scene.features.complaints);
  const Json all{{"graph", scene.package.origin.category},
                 {"side", scene.side},
                 {"pictures", pictures},
                 {"failed", std::move(complaints["failed"])},
                 {"mended", std::move(complaints["mended"])}};
  files::write_file_atomically(folder.claim("positions.json"),
                               all.dump(1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace cutaway::explain
