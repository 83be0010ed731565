#include "explain/units/run/evolution.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "explain/pictures/draw.h"
#include "explain/pictures/preprocess.h"
#include "explain/pictures/write_image.h"
#include "explain/render/panel.h"
#include "explain/render/render.h"
#include "explain/report/manifest.h"
#include "explain/report/report.h"
#include "explain/runs/load_network.h"
#include "explain/runs/output_names.h"
#include "explain/runs/run_folder.h"
#include "explain/runs/run_manifest.h"
#include "explain/runs/run_resume.h"
#include "explain/units/run/pictures.h"
#include "explain/units/run/search.h"
#include "explain/units/tile_projector.h"
#include "runtime/config.h"
#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "weights/sha256.h"

namespace cutaway::explain {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMapsByDefault = 16;

/// Evenly spaced over a layer's maps.
std::vector<std::int64_t> sample_maps(std::int64_t count) {
  std::vector<std::int64_t> maps;
  const std::int64_t shown = std::min(count, kMapsByDefault);
  for (std::int64_t i = 0; i < shown; ++i) maps.push_back(i * count / shown);
  return maps;
}

/// A projection that waits until there are enough for a pass; its image lives as long.
struct Pending {
  std::shared_ptr<const Tensor> input;
  std::size_t map_at;
};

class Evolution {
 public:
  Evolution(const UnitsJob& job, const std::vector<std::string>& paths, const RunContext& context)
      : job_(job), paths_(paths), context_(context), rules_(projection_rules(job.rules)) {
    job_.top = 1;
  }

  EvolutionSummary run() {
    std::vector<std::string> reads = job_.data;
    reads.insert(reads.end(), paths_.begin(), paths_.end());
    folder_.open(existing(job_.resume, job_.overwrite), reads);
    steps_.emplace(folder_, job_.resume, identity(), context_.observer);
    if (steps_->complete_before()) {
      summary_.complete_before = true;
      summary_.index = folder_.file("index.html");
      summary_.manifest = folder_.last();
      return std::move(summary_);
    }
    steps_->run(context_.observer, [&] {
      for (std::size_t k = 0; k < paths_.size(); ++k) add_checkpoint(k);
      show();
    });
    return std::move(summary_);
  }

 private:
  [[nodiscard]] Record identity() const {
    Record identity =
        units_identity(job_, load_network(paths_.front()), "units --checkpoints", context_);
    for (const std::string& path : paths_)
      identity["checkpoints"].push_back(weights::sha256_of_file(path));
    return as_read_back(identity);
  }

  void show() {
    folder_.begin();
    std::vector<std::string> names;
    for (const EvolutionLayer& layer : summary_.layers) names.push_back(layer.name);
    const std::vector<std::string> words = file_words(names);
    for (std::size_t l = 0; l < summary_.layers.size(); ++l) {
      files_.push_back(words[l] + ".png");
      write_png(folder_.claim(files_.back()), picture(l));
    }
    write_json();
    summary_.index = folder_.claim("index.html");
    files::write_file_atomically(summary_.index, page());
    write_manifest_file();
  }

  void add_checkpoint(std::size_t k) {
    const weights::Package package = load_network(paths_[k]);
    summary_.checkpoints.push_back(fs::path(paths_[k]).stem().string());
    hashes_.push_back(weights::weights_hash(package.model));
    context_.observer.info("checkpoint " + summary_.checkpoints.back());
    UnitSearch found = find_units(job_, package, context_, *steps_);
    summary_.images = found.images;
    summary_.failed = found.complaints.count;
    if (k == 0) {
      preprocess_ = package.preprocess;
      for (const UnitsLayer& layer : found.layers) {
        const auto maps = job_.maps.empty() ? sample_maps(layer.best.maps()) : layer.maps;
        summary_.layers.push_back(
            {layer.name, maps, std::vector<std::vector<EvolutionEntry>>(maps.size())});
        counts_.push_back(layer.best.maps());
        tiles_.emplace_back(maps.size());
      }
    }
    for (std::size_t l = 0; l < found.layers.size(); ++l) {
      if (found.layers[l].best.maps() != counts_[l] ||
          found.layers[l].name != summary_.layers[l].name) {
        throw Error(ErrorKind::kInput, "a checkpoint of another architecture").at(paths_[k]);
      }
    }
    project(package, found.layers);
  }

  void project(const weights::Package& package, const std::vector<UnitsLayer>& found) {
    const Shape shape = package.model.graph.node(0).shape;
    std::vector<NodeId> nodes;
    std::map<std::int64_t, std::vector<std::pair<std::size_t, std::size_t>>>
        wanted;  // image: layer, map's place
    for (std::size_t l = 0; l < found.size(); ++l) {
      nodes.push_back(found[l].node);
      EvolutionLayer& layer = summary_.layers[l];
      for (std::size_t m = 0; m < layer.maps.size(); ++m) {
        const auto best = found[l].best.of(layer.maps[m]);
        EvolutionEntry entry;
        if (!best.empty()) entry.best = best.front();
        entry.changed =
            !layer.entries[m].empty() && layer.entries[m].back().best.image != entry.best.image;
        layer.entries[m].push_back(entry);
        tiles_[l][m].emplace_back();
        if (!best.empty()) wanted[entry.best.image].emplace_back(l, m);
      }
    }
    TileProjector projector(package.model, nodes, rules_, shape,
                            {context_.settings.stream(), context_.settings.engines()});
    std::vector<std::vector<Pending>> pending(nodes.size());
    const ImageSourcePtr source = open_units_data(job_);
    ImageEntry entry;
    std::int64_t at = 0;
    for (const auto& [image, places] : wanted) {
      throw_if_cancelled(context_.observer);
      bool there = true;
      for (; there && at <= image; ++at) there = source->next(entry, at == image);
      if (!there)
        throw Error(ErrorKind::kInput, "the data changed while it was read").at(job_.data.front());
      const auto input =
          std::make_shared<const Tensor>(preprocess(read_entry(entry), package.preprocess));
      for (const auto& [l, m] : places) {
        summary_.layers[l].entries[m].back().name = entry.name;
        pending[l].push_back({input, m});
        if (pending[l].size() >= projector.batch(l)) draw(package, projector, l, pending[l]);
      }
    }
    for (std::size_t l = 0; l < pending.size(); ++l) draw(package, projector, l, pending[l]);
  }

  /// Projects what waits in a layer, and draws it.
  void draw(const weights::Package& package,
            TileProjector& projector,
            std::size_t l,
            std::vector<Pending>& pending) {
    const EvolutionLayer& layer = summary_.layers[l];
    std::vector<TileProjector::Job> jobs;
    for (const Pending& p : pending) {
      const Activation& best = layer.entries[p.map_at].back().best;
      jobs.push_back(
          {p.input.get(), best.image, {layer.maps[p.map_at], best.row, best.column, best.value}});
    }
    if (jobs.empty()) return;
    const auto pixels = steps_->step<std::vector<std::vector<float>>>(
        "project " + layer.name, [&] { return projector.project(l, jobs); });
    const UnitFrame& frame = projector.frame(l);
    Reconstruction how;
    how.bgr = package.preprocess.order == weights::ColorOrder::kBgr;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      tiles_[l][pending[i].map_at].back() =
          reconstruct(pixels[i], package.preprocess.channels(), static_cast<int>(frame.height),
                      static_cast<int>(frame.width), how)
              .image;
    }
    pending.clear();
  }

  [[nodiscard]] Image picture(std::size_t l) const {
    constexpr int kTile = 72;
    const EvolutionLayer& layer = summary_.layers[l];
    std::vector<Tile> tiles;
    std::vector<std::string> rows;
    for (std::size_t m = 0; m < layer.maps.size(); ++m) {
      rows.push_back("map " + std::to_string(layer.maps[m]));
      for (std::size_t k = 0; k < paths_.size(); ++k) {
        Image tile = tiles_[l][m][k];
        const EvolutionEntry& e = layer.entries[m][k];
        if (tile.empty()) tile = make_image(kTile, kTile, {128, 128, 128});
        tile = magnify(tile, std::max(1, kTile / std::max(tile.width, tile.height)));
        // The accent of the report: the strongest image is another one than at the checkpoint
        // before.
        if (e.changed) draw_rect(tile, {0, 0, tile.width, tile.height}, 2, {47, 91, 215});
        tiles.push_back({std::move(tile), "", format_number(static_cast<double>(e.best.value))});
      }
    }
    return grid(tiles, static_cast<int>(paths_.size()), summary_.checkpoints, rows);
  }

  void write_json() {
    using Json = nlohmann::ordered_json;
    Json layers = Json::array();
    for (const EvolutionLayer& layer : summary_.layers) {
      Json maps = Json::array();
      for (std::size_t m = 0; m < layer.maps.size(); ++m) {
        Json steps = Json::array();
        for (std::size_t k = 0; k < paths_.size(); ++k) {
          const EvolutionEntry& e = layer.entries[m][k];
          steps.push_back({{"checkpoint", summary_.checkpoints[k]},
                           {"image", e.best.image},
                           {"name", e.name},
                           {"value", e.best.value},
                           {"row", e.best.row},
                           {"column", e.best.column},
                           {"changed", e.changed}});
        }
        maps.push_back({{"map", layer.maps[m]}, {"steps", std::move(steps)}});
      }
      layers.push_back({{"layer", layer.name}, {"maps", std::move(maps)}});
    }
    const Json root{{"rules", job_.rules},
                    {"images", summary_.images},
                    {"checkpoints", paths_},
                    {"layers", layers}};
    files::write_file_atomically(folder_.claim("evolution.json"),
                                 root.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
  }

  [[nodiscard]] std::string page() const {
    std::string out =
        page_head("Evolution of features") +
        "<p>Each row a feature map, each column a checkpoint: the projection (" +
        html_escape(job_.rules) + ") of the map's strongest activation over " +
        std::to_string(summary_.images) +
        " images. A frame marks where another image than before became the strongest.</p>";
    for (std::size_t l = 0; l < summary_.layers.size(); ++l) {
      out += "<h2>" + html_escape(summary_.layers[l].name) +
             "</h2><figure><img loading=\"lazy\" src=\"" + html_escape(files_[l]) + "\" alt=\"" +
             html_escape(summary_.layers[l].name) + "\"></figure>\n";
    }
    return out + "</main></body></html>\n";
  }

  void write_manifest_file() {
    Manifest m = start_manifest(context_);
    m.model = {paths_.back(),
               fs::path(paths_.back()).stem().string(),
               "",
               {{"weights_hash", hashes_.back()}}};
    m.preprocessing = fields_of(preprocess_);
    std::int64_t outputs = 0;
    for (const EvolutionLayer& layer : summary_.layers) {
      outputs += static_cast<std::int64_t>(layer.maps.size() * paths_.size());
      m.methods.push_back({"evolution",
                           layer.name,
                           "chosen by the user",
                           "strongest activation over the data",
                           {{"rules", job_.rules}, {"maps", layer.maps}}});
    }
    m.counts = {summary_.images + summary_.failed, summary_.images, summary_.failed, outputs};
    m.extra = {{"checkpoints", paths_}, {"weights_hashes", hashes_}};
    m.extra.push_back(folder_.files());
    summary_.manifest = folder_.last();
    write_manifest(summary_.manifest, m);
    folder_.end();
  }

  UnitsJob job_;
  const std::vector<std::string>& paths_;
  const RunContext& context_;
  RuleSet rules_;
  RunFolder folder_{job_.out};
  std::optional<Steps> steps_;
  weights::Preprocess preprocess_{};
  EvolutionSummary summary_;
  std::vector<std::int64_t> counts_;
  std::vector<std::string> hashes_, files_;
  std::vector<std::vector<std::vector<Image>>> tiles_;  // layer, map, checkpoint
};

}  // namespace

EvolutionSummary run_evolution(const UnitsJob& job,
                               const std::vector<std::string>& checkpoints,
                               const RunContext& context) {
  check_data(job);
  if (checkpoints.empty()) throw Error(ErrorKind::kUsage, "no checkpoints given");
  return Evolution(job, checkpoints, context).run();
}

}  // namespace cutaway::explain
