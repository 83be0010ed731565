#include "explain/graph/run/learn_graph.h"

#include <chrono>
#include <cstdio>
#include <filesystem>

#include "explain/graph/files/graph_json.h"
#include "explain/runs/load_network.h"
#include "runtime/config.h"
#include "runtime/files/output_check.h"
#include "runtime/progress.h"
#include "runtime/stopwatch.h"
#include "weights/xxh64.h"

namespace cutaway::explain {
namespace {

using namespace graph;

/// Pictures without the object: of a folder, else of other categories, whole.
std::vector<ObjectEntry> find_negatives(const GraphLearnJob& job, const RunContext& context) {
  ObjectQuery query;
  query.min_area = 0;
  std::vector<ObjectEntry> kept;
  if (!job.negatives.empty()) {
    query.data = job.negatives;
    kept = read_objects(query);
  } else {
    query.data = job.query.data;
    query.boxes = job.query.boxes;
    for (ObjectEntry& entry : read_objects(query)) {
      if (!job.query.category.empty() && entry.category != job.query.category)
        kept.push_back(std::move(entry));
    }
    if (kept.empty()) {
      context.observer.warn(
          "no --negatives and no other category: the filters are scaled by the pictures "
          "themselves");
      kept = read_objects(query);
    }
  }
  // Evenly over the list: it is often sorted by category.
  const auto most = static_cast<std::size_t>(job.most_negatives);
  std::vector<ObjectEntry> chosen;
  const std::size_t count = std::min(most, kept.size());
  for (std::size_t k = 0; k < count; ++k) chosen.push_back(kept[k * kept.size() / count]);
  for (ObjectEntry& entry : chosen) entry.box = {};
  return chosen;
}

std::string checkpoint_of(const GraphLearnJob& job) {
  return job.checkpoint.empty() ? job.out + ".checkpoint" : job.checkpoint;
}

void check_paths(const GraphLearnJob& job) {
  files::PathUse use{.reads = {job.model, job.query.data, job.query.boxes, job.negatives},
                     .writes = {job.out},
                     .folders = {},
                     .overwrite = job.overwrite};
  files::check_outputs(use);
  use.writes.push_back(checkpoint_of(job));
  use.overwrite = true;  // learning goes on from a checkpoint that is there
  files::check_outputs(use);
}

std::string fingerprint(const GraphLearnJob& job,
                        const weights::Package& package,
                        const GraphFeatures& features,
                        const std::vector<TapLayer>& layers) {
  std::string text = weights::weights_hash(package.model) + to_json(job.config).dump() +
                     features.storage + job.negatives + std::to_string(job.most_negatives);
  for (const TapLayer& layer : layers) text += to_json(layer.spec).dump();
  for (const ObjectEntry& o : features.objects) {
    text += o.name + '\n' + std::to_string(o.box.x1) + ' ' + std::to_string(o.box.y1) + '\n';
  }
  weights::Xxh64 hash;
  hash.update(std::as_bytes(std::span(text)));
  return weights::hex(hash.digest());
}

/// Runs the passes, with progress and checkpoints.
void run_passes(Learner& learner,
                const GraphLearnJob& job,
                const std::string& print,
                const std::string& checkpoint,
                const RunContext& context) {
  Progress progress(context.observer, "learn", learner.passes());
  auto saved = Clock::now();
  while (!learner.done()) {
    try {
      throw_if_cancelled(context.observer);
    } catch (const Cancelled&) {
      save_checkpoint(learner.snapshot(), print, checkpoint);
      context.observer.info("checkpoint: " + checkpoint);
      throw;
    }
    const PassReport report = learner.step();
    char note[64];
    std::snprintf(note, sizeof note, "layer %d pass %d moved %.3f", static_cast<int>(report.layer),
                  static_cast<int>(report.pass), report.movement);
    progress.add(1, note);
    if (learner.done() || seconds_since(saved) < job.checkpoint_seconds) continue;
    save_checkpoint(learner.snapshot(), print, checkpoint);
    saved = Clock::now();
  }
}

}  // namespace

GraphLearnSummary learn_graph(const GraphLearnJob& job, const RunContext& context) {
  GraphLearnSummary summary;
  validate(job.config);
  check_paths(job);
  const weights::Package package = load_network(job.model);
  const std::vector<TapLayer> layers = graph_layers(package.model.graph, job.layers, job.nodes);
  const std::vector<ObjectEntry> objects = read_objects(job.query);
  const std::vector<ObjectEntry> negatives = find_negatives(job, context);

  auto start = Clock::now();
  TapRunner runner(package, layers, job.batch, context);
  const auto sigma = measure_sigma(runner, negatives, job.config.sigma_per_filter, context);
  FeatureOptions options = job.features;
  options.mirrored = job.config.flips;
  const GraphFeatures features = extract_features(runner, objects, sigma, options, context);
  summary.feature_seconds = seconds_since(start);
  summary.complaints = features.complaints;
  summary.storage = features.storage;
  summary.images = static_cast<std::int64_t>(features.objects.size());

  start = Clock::now();
  std::vector<LayerSpec> specs;
  for (const TapLayer& layer : layers) specs.push_back(layer.spec);
  Learner learner(specs, job.config, {&features.maps}, context.settings.stream());
  const std::string checkpoint = checkpoint_of(job);
  const std::string print = fingerprint(job, package, features, layers);
  if (std::filesystem::exists(checkpoint)) {
    learner.resume(load_checkpoint(checkpoint, print));
    summary.resumed = true;
    context.observer.info("going on from " + checkpoint);
  }
  run_passes(learner, job, print, checkpoint, context);
  summary.learn_seconds = seconds_since(start);
  summary.package.graph = learner.graph();
  for (std::size_t l = 0; l < sigma.size(); ++l) summary.package.graph.layers[l].sigma = sigma[l];
  GraphOrigin& origin = summary.package.origin;
  origin.model_file = job.model;
  origin.model_hash = weights::weights_hash(package.model);
  origin.category = job.query.category;
  origin.images = summary.images;
  origin.negatives = static_cast<std::int64_t>(negatives.size());
  origin.command = "graph learn";
  save_graph(summary.package, job.out);
  std::error_code ignored;
  std::filesystem::remove(checkpoint, ignored);
  return summary;
}

}  // namespace cutaway::explain
