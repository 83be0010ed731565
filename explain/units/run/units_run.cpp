#include "explain/units/run/units_run.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "explain/pictures/preprocess.h"
#include "explain/pictures/read_seen.h"
#include "explain/pictures/write_image.h"
#include "explain/render/panel.h"
#include "explain/report/manifest.h"
#include "explain/runs/output_names.h"
#include "explain/runs/run_folder.h"
#include "explain/runs/run_manifest.h"
#include "explain/runs/run_resume.h"
#include "explain/units/run/pictures.h"
#include "explain/units/run/search.h"
#include "explain/units/run/store.h"
#include "explain/units/tile_projector.h"
#include "runtime/config.h"
#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "runtime/progress.h"
#include "runtime/stopwatch.h"

namespace cutaway::explain {
namespace {

/// A tile that waits for its image.
struct Wanted {
  std::size_t layer, map_at, place;
  Activation where;
};

/// A tile that waits until there are enough for a pass; its image lives as long.
struct Pending {
  std::shared_ptr<const Tensor> input;
  Wanted wanted;
  std::vector<std::uint8_t> patch;
};

/// The part of the picture in the frame, mid-grey where the frame hangs over.
std::vector<std::uint8_t> cut_patch(const Image& photo,
                                    const UnitFrame& frame,
                                    const FrameOrigin& origin) {
  Image patch =
      make_image(static_cast<int>(frame.width), static_cast<int>(frame.height), {128, 128, 128});
  paste(patch, photo, static_cast<int>(-origin.column), static_cast<int>(-origin.row));
  return std::move(patch.rgb);
}

class Units {
 public:
  Units(const UnitsJob& job, const weights::Package& package, const RunContext& context)
      : job_(job), package_(package), context_(context), rules_(projection_rules(job.rules)) {}

  UnitsSummary run() {
    open_folder();
    steps_.emplace(folder_, job_.resume, units_identity(job_, package_, "units", context_),
                   context_.observer);
    if (steps_->complete_before()) {
      summary_.complete_before = true;
      summary_.index = folder_.file("index.html");
      summary_.manifest = folder_.last();
      return std::move(summary_);
    }
    steps_->run(context_.observer, [&] { search_and_show(); });
    return std::move(summary_);
  }

 private:
  void search_and_show() {
    auto start = Clock::now();
    UnitSearch found = find_units(job_, package_, context_, *steps_);
    summary_.images = found.images;
    complaints_ = std::move(found.complaints);
    summary_.failed = complaints_.count;
    summary_.layers = std::move(found.layers);
    summary_.search_seconds = seconds_since(start);
    folder_.begin();
    start = Clock::now();
    UnitStore store(folder_.claim("units.h5"));
    project(store);
    summary_.project_seconds = seconds_since(start);
    draw(store);
    store.close();
    write_json();
    summary_.index = folder_.claim("index.html");
    files::write_file_atomically(summary_.index, units_page(job_, summary_, files_, names_));
    write_manifest_file();
  }

  void open_folder() {
    check_data(job_);
    std::vector<std::string> reads = job_.data;
    reads.push_back(job_.model_path);
    folder_.open(existing(job_.resume, job_.overwrite), reads);
  }

  [[nodiscard]] std::map<std::int64_t, std::vector<Wanted>> wanted() const {
    std::map<std::int64_t, std::vector<Wanted>> all;
    for (std::size_t l = 0; l < summary_.layers.size(); ++l) {
      const UnitsLayer& layer = summary_.layers[l];
      for (std::size_t m = 0; m < layer.maps.size(); ++m) {
        const auto best = layer.best.of(layer.maps[m]);
        for (std::size_t k = 0; k < best.size(); ++k)
          all[best[k].image].push_back({l, m, k, best[k]});
      }
    }
    return all;
  }

  void project(UnitStore& store) {
    const Shape shape = package_.model.graph.node(0).shape;
    std::vector<NodeId> nodes;
    for (const UnitsLayer& layer : summary_.layers) nodes.push_back(layer.node);
    TileProjector projector(package_.model, nodes, rules_, shape,
                            {context_.settings.stream(), context_.settings.engines()});
    pending_.resize(nodes.size());
    for (std::size_t l = 0; l < summary_.layers.size(); ++l) {
      const UnitsLayer& layer = summary_.layers[l];
      const UnitFrame& frame = projector.frame(l);
      store.add_layer({layer.name, job_.rules, static_cast<std::int64_t>(layer.maps.size()),
                       job_.top, shape.c, frame.height, frame.width},
                      layer.best, layer.maps);
    }
    const auto all = wanted();
    std::int64_t total = 0;
    for (const auto& [image, tiles] : all) total += static_cast<std::int64_t>(tiles.size());
    Progress progress(context_.observer, "project", total);
    const ImageSourcePtr source = open_units_data(job_);
    ImageEntry entry;
    std::int64_t at = 0;
    for (const auto& [image, tiles] : all) {
      throw_if_cancelled(context_.observer);
      bool there = true;
      // Only what is wanted is read.
      for (; there && at <= image; ++at) there = source->next(entry, at == image);
      if (!there)
        throw Error(ErrorKind::kInput, "the data changed while it was read").at(job_.data.front());
      project_image(store, projector, entry, tiles);
      progress.add(static_cast<std::int64_t>(tiles.size()));
    }
    for (std::size_t l = 0; l < pending_.size(); ++l) flush(store, projector, l);
    for (std::size_t l = 0; l < pending_.size(); ++l) {
      summary_.layers[l].regional = projector.regional(l);
    }
    summary_.projections = total;
  }

  void project_image(UnitStore& store,
                     TileProjector& projector,
                     const ImageEntry& entry,
                     const std::vector<Wanted>& tiles) {
    const Image photo = read_seen(entry, package_.preprocess);
    auto input = std::make_shared<Tensor>(
        kCpuDevice, DType::kF32,
        Shape{1, package_.preprocess.channels(), photo.height, photo.width});
    fill_input(photo, package_.preprocess, input->ref().out(), 0);
    names_.emplace_back(tiles.front().where.image, entry.name);
    for (const Wanted& w : tiles) {
      const UnitFrame& frame = projector.frame(w.layer);
      pending_[w.layer].push_back(
          {input, w, cut_patch(photo, frame, frame_origin(frame, w.where.row, w.where.column))});
      if (pending_[w.layer].size() >= projector.batch(w.layer)) flush(store, projector, w.layer);
    }
  }

  /// Projects and stores what waits in one layer.
  void flush(UnitStore& store, TileProjector& projector, std::size_t l) {
    const UnitsLayer& layer = summary_.layers[l];
    std::vector<TileProjector::Job> jobs;
    for (const Pending& p : pending_[l]) {
      const Activation& at = p.wanted.where;
      jobs.push_back(
          {p.input.get(), at.image, {layer.maps[p.wanted.map_at], at.row, at.column, at.value}});
    }
    if (jobs.empty()) return;
    auto projections = steps_->step<std::vector<std::vector<float>>>(
        "project " + layer.name, [&] { return projector.project(l, jobs); });
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      Pending& p = pending_[l][i];
      store.write(l, static_cast<std::int64_t>(p.wanted.map_at),
                  static_cast<std::int64_t>(p.wanted.place),
                  {std::move(projections[i]), std::move(p.patch)});
    }
    pending_[l].clear();
  }

  void draw(const UnitStore& store) {
    std::vector<std::string> names;
    for (const UnitsLayer& layer : summary_.layers) names.push_back(layer.name);
    const std::vector<std::string> words =
        file_words(names, {"units.h5", "units.json", "index.html", "manifest.json"});
    for (std::size_t l = 0; l < summary_.layers.size(); ++l) {
      const UnitsLayer& layer = summary_.layers[l];
      const std::string& folder = words[l];
      files_.emplace_back();
      std::vector<Image> sheet;
      int sheets = 0;
      for (std::size_t m = 0; m < layer.maps.size(); ++m) {
        throw_if_cancelled(context_.observer);
        sheet.push_back(picture(store, l, m));
        char name[32];
        std::snprintf(name, sizeof name, "/map-%04lld.png", static_cast<long long>(layer.maps[m]));
        files_.back().push_back(folder + name);
        files::write_file_atomically(folder_.claim(files_.back().back()), encode_png(sheet.back()),
                                     files::Durability::kRename);
        constexpr std::size_t kMapsASheet = 32;
        if (sheet.size() < kMapsASheet && m + 1 < layer.maps.size()) continue;
        ++sheets;
        const std::string number = sheets == 1 ? "" : "/sheet-" + std::to_string(sheets);
        write_png(folder_.claim(folder + number + ".png"), unit_sheet(sheet));
        sheet.clear();
      }
    }
  }

  [[nodiscard]] Image picture(const UnitStore& store, std::size_t l, std::size_t m) const {
    const UnitsLayer& layer = summary_.layers[l];
    const auto best = layer.best.of(layer.maps[m]);
    std::vector<UnitTile> tiles;
    for (std::size_t k = 0; k < best.size(); ++k) {
      tiles.push_back(store.read(l, static_cast<std::int64_t>(m), static_cast<std::int64_t>(k)));
    }
    UnitCaption caption{layer.name + " map " + std::to_string(layer.maps[m]), ""};
    if (!best.empty()) {
      const auto text = [](float v) { return format_number(static_cast<double>(v)); };
      caption.note = best.front().value > 0
                         ? text(best.front().value) + " to " + text(best.back().value)
                         : "never active";
    }
    return unit_picture(tiles, store.shape(l), package_.preprocess, caption);
  }

  void write_json() {
    using Json = nlohmann::ordered_json;
    std::map<std::int64_t, std::string> names(names_.begin(), names_.end());
    Json layers = Json::array();
    for (const UnitsLayer& layer : summary_.layers) {
      Json maps = Json::array();
      for (const std::int64_t map : layer.maps) {
        Json top = Json::array();
        for (const Activation& a : layer.best.of(map)) {
          top.push_back({{"image", a.image},
                         {"name", names[a.image]},
                         {"value", a.value},
                         {"row", a.row},
                         {"column", a.column}});
        }
        maps.push_back({{"map", map}, {"top", std::move(top)}});
      }
      layers.push_back({{"layer", layer.name}, {"maps", std::move(maps)}});
    }
    const Json root{{"model", job_.model_path},
                    {"rules", job_.rules},
                    {"images", summary_.images},
                    {"layers", layers}};
    files::write_file_atomically(folder_.claim("units.json"),
                                 root.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
  }

  void write_manifest_file() {
    Manifest m =
        start_manifest(job_.model_path, weights::weights_hash(package_.model), package_, context_);
    for (const UnitsLayer& layer : summary_.layers) {
      m.methods.push_back({"units",
                           layer.name,
                           "chosen by the user",
                           "strongest activation of each image",
                           {{"rules", job_.rules},
                            {"top", job_.top},
                            {"maps", layer.maps},
                            {"seed", std::string("the activation")},
                            {"ties", std::string("lower image, row, column")},
                            {"regional", layer.regional}}});
    }
    m.counts = {summary_.images + summary_.failed, summary_.images, summary_.failed,
                summary_.projections};
    m.timings = {{"search", summary_.search_seconds, summary_.images},
                 {"project", summary_.project_seconds, summary_.projections}};
    for (const auto& [file, error] : complaints_.named) m.failures.push_back({file, error});
    m.extra.push_back(folder_.files());
    summary_.manifest = folder_.last();
    write_manifest(summary_.manifest, m);
    folder_.end();
  }

  const UnitsJob& job_;
  const weights::Package& package_;
  const RunContext& context_;
  RuleSet rules_;
  RunFolder folder_{job_.out};
  std::optional<Steps> steps_;
  Complaints complaints_;
  UnitsSummary summary_;
  std::vector<std::vector<Pending>> pending_;  // a layer
  std::vector<std::vector<std::string>> files_;
  std::vector<std::pair<std::int64_t, std::string>> names_;  // by image, ascending
};

}  // namespace

UnitsSummary run_units(const UnitsJob& job,
                       const weights::Package& package,
                       const RunContext& context) {
  return Units(job, package, context).run();
}

}  // namespace cutaway::explain
