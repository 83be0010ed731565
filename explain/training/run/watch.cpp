#include "explain/training/run/watch.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "explain/pictures/preprocess.h"
#include "explain/pictures/write_image.h"
#include "explain/render/panel.h"
#include "explain/runs/cells.h"
#include "explain/runs/choose_methods.h"
#include "explain/runs/explainers.h"
#include "explain/runs/paint.h"
#include "explain/training/data/pack.h"
#include "explain/units/run/evolution.h"
#include "layers/relu.h"
#include "runtime/error.h"
#include "runtime/files/folder.h"
#include "weights/package.h"

namespace cutaway::training {
namespace {

namespace fs = std::filesystem;
using explain::Image;

constexpr std::size_t kMostProbes = 6;
constexpr std::size_t kMostSearched = 500;  // pictures that are searched for strong activations
constexpr std::size_t kMostLayers = 3;

/// The first picture of each class.
std::vector<std::int64_t> probes_of(const LabelledSet& set,
                                    const std::vector<std::int64_t>& pictures) {
  std::vector<std::int64_t> probes;
  std::vector<bool> seen(set.classes.size(), false);
  for (const std::int64_t i : pictures) {
    const auto label = static_cast<std::size_t>(set.pictures[static_cast<std::size_t>(i)].label);
    if (seen[label] || probes.size() == kMostProbes) continue;
    seen[label] = true;
    probes.push_back(i);
  }
  return probes;
}

std::vector<explain::MethodChoice> choices_of(const TrainJob& job) {
  explain::ChosenMethods chosen =
      explain::choose_methods(explain::methods_named(job.explain_methods), {}, job.start, "");
  if (!chosen.refused.empty())
    throw Error(ErrorKind::kUnsupported, "an explanation").got(chosen.refused.front());
  return std::move(chosen.methods);
}

/// Rectified maps, evenly over the depth.
std::vector<std::string> layers_of(const Graph& graph) {
  std::vector<std::string> all, some;
  for (NodeId id = 1; id < graph.size(); ++id) {
    const Node& node = graph.node(id);
    if (node.layer->type() == "relu" && node.shape.h > 1) all.push_back(node.name);
  }
  const std::size_t count = std::min(kMostLayers, all.size());
  for (std::size_t i = 0; i < count; ++i)
    some.push_back(all[count == 1 ? all.size() - 1 : i * (all.size() - 1) / (count - 1)]);
  return some;
}

}  // namespace

Watch::Watch(const TrainJob& job,
             const std::vector<std::int64_t>& pictures,
             const explain::RunContext& context)
    : job_(job),
      all_(pictures),
      context_(context),
      folder_(job.out + "/watch"),
      every_(job.explain_every),
      epochs_(job.recipe.epochs),
      probes_(probes_of(job.set, pictures)) {
  if (every_ <= 0) return;
  // Whatever does not suit the net is found before the training.
  Shape input = job.start.model.graph.node(0).shape;
  (void)explain::Explainers(job.start.model, choices_of(job), {}, input, context);
}

std::string Watch::file(std::int64_t epoch, const char* extension) const {
  char name[40];
  std::snprintf(name, sizeof name, "/epoch-%04lld", static_cast<long long>(epoch));
  return folder_ + name + extension;
}

Image Watch::sheet(const weights::Package& package) const {
  Shape input = package.model.graph.node(0).shape;
  input.n = static_cast<std::int64_t>(probes_.size());
  Tensor batch = zeros(input);
  std::vector<Image> photos;
  std::vector<std::int64_t> targets;
  for (std::size_t i = 0; i < probes_.size(); ++i) {
    const Image seen = explain::resize_and_crop(job_.set.read(probes_[i]), package.preprocess);
    explain::fill_input(seen, package.preprocess, batch.ref().out(), static_cast<std::int64_t>(i));
    photos.push_back(explain::magnify(seen, std::max(1, 112 / std::max(seen.width, seen.height))));
    targets.push_back(job_.set.pictures[static_cast<std::size_t>(probes_[i])].label);
  }
  explain::Explainers explainers(package.model, choices_of(job_), {}, input, context_);
  (void)explainers.forward(batch);
  const std::vector<explain::Explanation> maps = explainers.explain(targets);
  std::vector<explain::Tile> tiles;
  std::vector<std::string> titles{"picture"}, rows;
  for (const explain::Explanation& e : maps) titles.push_back(e.method);
  const explain::PaintOptions options;
  for (std::size_t i = 0; i < probes_.size(); ++i) {
    rows.push_back(job_.set.classes[static_cast<std::size_t>(targets[i])]);
    tiles.push_back({photos[i], "", ""});
    for (const explain::Explanation& e : maps) {
      const explain::MapCell cell = cell_of(e, i, "label", targets[i], package);
      const explain::Painted painted = explain::paint(cell, photos[i], package.preprocess, options);
      tiles.push_back({explain::figure(painted, photos[i], options), "", ""});
    }
  }
  return explain::grid(tiles, static_cast<int>(titles.size()), titles, rows);
}

void Watch::look(std::int64_t epoch, const Model& model) const {
  files::make_folder(folder_);
  const weights::Package package{Model(model.graph, model.parameters.to(kCpuDevice)),
                                 job_.start.preprocess, job_.set.classes, job_.start.provenance};
  if (!probes_.empty()) explain::write_png(file(epoch, ".png"), sheet(package));
  weights::save(package, file(epoch, ".h5"));
}

std::vector<std::pair<std::int64_t, std::string>> Watch::sheets() const {
  std::vector<std::pair<std::int64_t, std::string>> found;
  for (std::int64_t epoch = 1; every_ > 0 && epoch <= epochs_; ++epoch) {
    std::error_code code;
    if (due(epoch) && fs::exists(file(epoch, ".png"), code))
      found.emplace_back(epoch, file(epoch, ".png"));
  }
  return found;
}

void Watch::finish() const {
  const std::vector<std::string> layers = layers_of(job_.start.model.graph);
  if (every_ <= 0 || layers.empty() || all_.empty()) return;
  LabelledSet searched{job_.set.classes, {}, job_.set.store};
  for (std::size_t i = 0; i < std::min(kMostSearched, all_.size()); ++i)
    searched.pictures.push_back(job_.set.pictures[static_cast<std::size_t>(all_[i])]);
  const std::string pack = folder_ + "/pictures.h5";
  write_pack(searched, pack, static_cast<int>(job_.start.model.graph.node(0).shape.h),
             context_.settings.cpu_threads(), context_.observer);
  explain::UnitsJob units;
  units.out = folder_ + "/features";
  units.data = {pack};
  units.layers = layers;
  units.overwrite = true;
  std::vector<std::string> checkpoints;
  for (const auto& [epoch, sheet] : sheets()) checkpoints.push_back(file(epoch, ".h5"));
  (void)explain::run_evolution(units, checkpoints, context_);
}

}  // namespace cutaway::training
