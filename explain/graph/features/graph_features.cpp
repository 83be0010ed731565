#include "explain/graph/features/graph_features.h"

#include <optional>

#include "explain/graph/features/scratch_memory.h"
#include "explain/graph/instability.h"
#include "explain/pictures/preprocess.h"
#include "explain/pictures/read_image.h"
#include "runtime/error.h"
#include "runtime/progress.h"

namespace cutaway::explain {
namespace {

using graph::FeatureMaps;

PlanRequest request(const std::vector<TapLayer>& layers,
                    const Shape& input,
                    const RunContext& context) {
  PlanRequest r;
  r.input = input;
  r.output = layers.back().node;
  for (const TapLayer& layer : layers) r.taps.push_back(layer.node);
  r.engines = context.settings.engines();
  r.engines.batch_invariant = true;  // a picture's features must not depend on its neighbours
  return r;
}

Shape input_shape(const weights::Package& package, std::int64_t batch) {
  Shape shape = package.model.graph.node(0).shape;
  shape.n = batch;
  return shape;
}

/// Settles the object by the way.
std::optional<Image> read_cutting(ObjectEntry& object, int width, int height, std::string& error) {
  try {
    PictureMemory::Claim claim;
    ReadOptions reading;
    reading.claim = &claim;
    const Image picture = read_image(object.path, reading);
    settle(object, picture.width, picture.height);
    return cut_out(picture, object.box, width, height);
  } catch (const std::exception& failure) {
    error = failure.what();
    return std::nullopt;
  }
}

/// Reads the objects' pictures on all threads; empty where one failed.
std::vector<std::optional<Image>> read_batch(std::span<ObjectEntry> objects,
                                             const TapRunner& runner,
                                             int threads,
                                             std::vector<std::string>& errors) {
  std::vector<std::optional<Image>> images(objects.size());
  errors.assign(objects.size(), "");
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (std::size_t i = 0; i < objects.size(); ++i) {
    images[i] = read_cutting(objects[i], runner.width(), runner.height(), errors[i]);
  }
  return images;
}

FeatureMaps make_maps(const TapLayer& layer,
                      std::int64_t images,
                      const FeatureOptions& options,
                      double gib,
                      std::string& storage) {
  const graph::LayerSpec& s = layer.spec;
  if (gib <= options.memory_gib / 2) {
    storage = "float32";
    return {images, s.filters, s.size, FeatureMaps::Storage::kFloat, options.mirrored};
  }
  if (gib / 2 <= options.memory_gib / 2) {
    storage = "float16";
    return {images, s.filters, s.size, FeatureMaps::Storage::kHalf, options.mirrored};
  }
  storage = "float16 in a file";
  const std::size_t bytes =
      FeatureMaps::bytes(images, s.filters, s.size, FeatureMaps::Storage::kHalf, options.mirrored);
  return {images,           s.filters,
          s.size,           FeatureMaps::Storage::kHalf,
          options.mirrored, scratch_memory(options.scratch, bytes)};
}

}  // namespace

TapRunner::TapRunner(const weights::Package& package,
                     std::vector<TapLayer> layers,
                     std::int64_t batch,
                     const RunContext& context)
    : package_(package),
      layers_(std::move(layers)),
      input_(input_shape(package, batch)),
      executor_(package.model, request(layers_, input_, context), context.settings.stream()) {
  if (input_.h != input_.w) {
    throw Error(ErrorKind::kUnsupported, "an explanatory graph needs a square input")
        .got(to_string(input_));
  }
}

void TapRunner::run(std::span<const Image> pictures, const Take& take) {
  Tensor input = zeros(input_);
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    fill_input(pictures[i], package_.preprocess, input.ref().out(), static_cast<std::int64_t>(i));
  }
  executor_.set_input(input);
  executor_.forward();
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Tensor maps = executor_.read(executor_.value(layers_[l].node));
    const auto size = static_cast<std::size_t>(maps.shape().c * maps.shape().plane());
    for (std::size_t i = 0; i < pictures.size(); ++i)
      take(i, l, maps.f32().subspan(i * size, size));
  }
}

std::vector<std::vector<float>> measure_sigma(TapRunner& runner,
                                              std::span<const ObjectEntry> negatives,
                                              bool per_filter,
                                              const RunContext& context) {
  std::vector<graph::UnitDeviation> deviations;
  for (const TapLayer& layer : runner.layers())
    deviations.emplace_back(layer.spec.filters, layer.spec.size);
  const int threads = CpuStream(context.settings.threads).threads();
  Progress progress(context.observer, "negatives", static_cast<std::int64_t>(negatives.size()));
  const auto step = static_cast<std::size_t>(runner.batch());
  for (std::size_t first = 0; first < negatives.size(); first += step) {
    throw_if_cancelled(context.observer);
    const auto from = negatives.subspan(first, std::min(step, negatives.size() - first));
    std::vector<ObjectEntry> part(from.begin(), from.end());
    std::vector<std::string> errors;
    std::vector<Image> pictures;
    for (std::size_t i = 0; auto& image : read_batch(part, runner, threads, errors)) {
      if (image) pictures.push_back(std::move(*image));
      if (!errors[i].empty()) context.observer.warn(errors[i]);
      ++i;
    }
    runner.run(pictures, [&](std::size_t, std::size_t l, std::span<const float> maps) {
      deviations[l].add(maps);
    });
    progress.add(static_cast<std::int64_t>(part.size()));
  }
  if (deviations.front().images() < 2) {
    throw Error(ErrorKind::kInput, "too few pictures without the object to scale the filters by")
        .hint("name a folder of general pictures with --negatives");
  }
  std::vector<std::vector<float>> sigma;
  for (const auto& d : deviations) sigma.push_back(d.sigma(per_filter));
  return sigma;
}

GraphFeatures extract_features(TapRunner& runner,
                               std::span<const ObjectEntry> objects,
                               std::span<const std::vector<float>> sigma,
                               const FeatureOptions& options,
                               const RunContext& context) {
  GraphFeatures out;
  const int threads = CpuStream(context.settings.threads).threads();
  const auto step = static_cast<std::size_t>(runner.batch());
  // Which pictures can be read is known only afterwards, and their number must be known before.
  for (std::size_t first = 0; first < objects.size(); first += step) {
    throw_if_cancelled(context.observer);
    const auto from = objects.subspan(first, std::min(step, objects.size() - first));
    std::vector<ObjectEntry> part(from.begin(), from.end());
    std::vector<std::string> errors;
    auto images = read_batch(part, runner, threads, errors);
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (!images[i]) {
        out.complaints.failures.emplace_back(part[i].name, errors[i]);
        context.observer.warn(errors[i]);
        continue;
      }
      for (const std::string& what : part[i].mended) {
        out.complaints.mended.emplace_back(part[i].name, what);
        context.observer.warn(part[i].name + ": " + what);
      }
      out.objects.push_back(std::move(part[i]));
      out.cuttings.push_back(std::move(*images[i]));
    }
  }
  if (out.objects.empty()) throw Error(ErrorKind::kInput, "no picture could be read");
  const auto count = static_cast<std::int64_t>(out.objects.size());
  double gib = 0;
  for (const TapLayer& l : runner.layers()) {
    gib += static_cast<double>(FeatureMaps::bytes(count, l.spec.filters, l.spec.size,
                                                  FeatureMaps::Storage::kFloat, options.mirrored)) /
           (1 << 30);
  }
  for (const TapLayer& l : runner.layers())
    out.maps.push_back(make_maps(l, count, options, gib, out.storage));
  for (const TapLayer& l : runner.layers()) {
    out.plain.emplace_back(l.spec.filters, count);
    if (options.mirrored) out.plain_mirrored.emplace_back(l.spec.filters, count);
  }
  Progress progress(context.observer, "features", count);
  for (std::size_t first = 0; first < out.cuttings.size(); first += step) {
    throw_if_cancelled(context.observer);
    const std::size_t part = std::min(step, out.cuttings.size() - first);
    for (const bool mirrored : {false, true}) {
      if (mirrored && !options.mirrored) continue;
      std::vector<Image> pictures;
      for (std::size_t i = first; i < first + part; ++i) {
        const Image& seen = out.cuttings[i];
        pictures.push_back(mirrored ? cut_out(seen, {}, seen.width, seen.height, true) : seen);
      }
      runner.run(pictures, [&](std::size_t i, std::size_t l, std::span<const float> maps) {
        graph::note_strongest(maps, static_cast<std::int64_t>(first + i),
                              (mirrored ? out.plain_mirrored : out.plain)[l]);
        std::vector<float> weights(maps.begin(), maps.end());
        graph::to_weights(weights, sigma[l]);
        out.maps[l].set(static_cast<std::int64_t>(first + i), weights, mirrored);
      });
    }
    progress.add(static_cast<std::int64_t>(part));
  }
  return out;
}

}  // namespace cutaway::explain
