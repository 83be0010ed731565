#include "explain/graph/evaluation/judging_sheets.h"

#include <nlohmann/json.hpp>

#include "explain/graph/evaluation/beside_filters.h"
#include "explain/graph/ranking.h"
#include "explain/graph/show/show_graph.h"
#include "explain/pictures/write_image.h"
#include "explain/render/panel.h"
#include "runtime/files/atomic_file.h"
#include "runtime/files/csv.h"
#include "runtime/philox.h"

namespace cutaway::explain {
namespace {

using Json = nlohmann::ordered_json;
using namespace graph;

constexpr int kLarge = 224;
constexpr int kPatch = 72;

/// What a row shows: a node of the graph, or a filter by itself.
struct Row {
  const Records* records;
  const char* source;
  std::int32_t node;
};

std::vector<Row> shuffled_rows(const Records& graph,
                               const Records& filters,
                               const SheetOptions& o,
                               std::size_t layer) {
  std::vector<Row> rows;
  for (const std::int32_t n : best_nodes(graph, o.rows, o.best))
    rows.push_back({&graph, "graph", n});
  for (const std::int32_t n : best_nodes(filters, o.rows, o.best))
    rows.push_back({&filters, "filter", n});
  const Philox random{o.seed, 0x53EE7500ULL + layer};
  for (std::size_t k = 0; k + 1 < rows.size(); ++k) {
    const std::uint64_t left = rows.size() - k;
    std::swap(rows[k], rows[k + ((std::uint64_t{random.word(k)} * left) >> 32U)]);
  }
  return rows;
}

}  // namespace

void write_sheets(const Scene& scene, const SheetOptions& o, RunFolder& folder) {
  const std::vector<Image> large = large_cuttings(scene, scene.images(), kLarge);
  const std::vector<std::string> words = layer_words(scene.graph());
  Json key = Json::array();
  std::string lines = "layer,row,patches,of the same part\n";
  for (std::size_t l = 0; l < scene.records.size(); ++l) {
    const LayerSpec& spec = scene.graph().layers[l].spec;
    const Records raw = raw_filters(scene.features.maps[l], scene.mirror);
    const std::vector<Row> rows = shuffled_rows(scene.records[l], raw, o, l);
    std::vector<Tile> tiles;
    std::vector<std::string> titles;
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const auto& [records, source, node] = rows[r];
      titles.push_back(std::to_string(r + 1));
      std::int64_t count = 0;
      for (const std::int64_t i : best_images(records->total, node, o.patches)) {
        const PixelPoint at{spec.pixel(static_cast<double>(records->h.at(node, i))),
                            spec.pixel(static_cast<double>(records->w.at(node, i)))};
        tiles.push_back(
            {patch_at(large[static_cast<std::size_t>(i)], scene.side, at, o.patch, kPatch), "",
             ""});
        ++count;
      }
      lines +=
          files::csv_cell(spec.name) + "," + titles.back() + "," + std::to_string(count) + ",\n";
      for (; count < o.patches; ++count) tiles.push_back({});
      key.push_back({{"layer", spec.name}, {"row", r + 1}, {"source", source}, {"node", node}});
    }
    PanelStyle style;
    style.gap = 3;
    write_png(folder.claim(words[l] + ".png"),
              grid(tiles, static_cast<int>(o.patches), {}, titles, style));
  }
  files::write_file_atomically(folder.claim("judgement.csv"), lines);
  files::write_file_atomically(folder.claim("key.json"), key.dump(1) + "\n");
}

}  // namespace cutaway::explain
