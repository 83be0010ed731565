#include "explain/compare/run/collection.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "explain/localization/run/draw.h"
#include "explain/network.h"
#include "explain/pictures/preprocess.h"
#include "explain/runs/batch.h"
#include "explain/runs/picture_loop.h"
#include "explain/runs/steps.h"
#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "weights/hdf5_file.h"

namespace cutaway::explain {
namespace {

constexpr int kThumbnail = 48;

Shape batch_shape(const weights::Package& package, std::int64_t batch) {
  Shape s = package.model.graph.node(0).shape;
  s.n = batch;
  return s;
}

ImageSourcePtr open(const CompareJob& job) {
  SourceOptions options = job.source;
  options.recursive = true;  // a class a folder
  options.without = job.out;
  return open_images(job.inputs, options);
}

/// Names of all layers as those of groups in HDF5, where a slash would make a group more: dots
/// instead, and a number behind what would be alike.
std::vector<std::string> group_names(const Graph& graph) {
  std::vector<std::string> names;
  for (NodeId id = 0; id < graph.size(); ++id) {
    names.push_back(graph.node(id).name);
    std::ranges::replace(names.back(), '/', '.');
    while (std::ranges::count(names, names.back()) > 1) names.back() += "-" + std::to_string(id);
  }
  return names;
}

/// The first rows of a batch.
Tensor first_rows(const Tensor& batch, std::int64_t n) {
  Shape s = batch.shape();
  const auto size = static_cast<std::size_t>(s.c * s.plane());
  s.n = n;
  return tensor_of(s, batch.f32().first(static_cast<std::size_t>(n) * size));
}

/// Fills a collection batch by batch.
class Collector final : public PictureTask {
 public:
  Collector(const CompareJob& job,
            const weights::Package& package,
            const std::vector<FeatureRequest>& requests,
            const RunContext& context,
            Steps& steps,
            const std::string& name)
      : job_(job),
        package_(package),
        context_(context),
        steps_(steps),
        name_(name),
        extractor_(package.model,
                   requests,
                   {context.settings.stream(), context.settings.engines()},
                   job.batch) {}

  Collection run() {
    const ImageSourcePtr source = open(job_);
    const LoopPlan plan{
        .task = "features", .batch = job_.batch, .most = job_.most, .journaled = false};
    (void)run_pictures(plan, nullptr, *source, *this, context_);
    found_.features = std::move(extractor_.features());
    return std::move(found_);
  }

  std::vector<Record> work(std::int64_t first, std::vector<ImageEntry>& entries) override {
    Batch batch = load_batch(entries, 0, entries.size(), package_.preprocess,
                             batch_shape(package_, job_.batch), context_.settings.cpu_threads());
    for (const Batch::Failure& failure : batch.failures) {
      context_.observer.warn(failure.error);
      found_.failures.push_back({valid_utf8(entries[failure.entry].name), failure.error});
    }
    if (batch.entries.empty()) return {};
    add(first_rows(batch.input, static_cast<std::int64_t>(batch.entries.size())),
        entries[batch.entries.front()].name);
    for (std::size_t k = 0; k < batch.entries.size(); ++k) {
      const ImageEntry& entry = entries[batch.entries[k]];
      found_.names.push_back(valid_utf8(entry.name));
      found_.places.push_back(first + static_cast<std::int64_t>(batch.entries[k]));
      found_.thumbnails.push_back(thumbnail(batch.seen[k], kThumbnail));
      found_.classes.push_back(number_of(valid_utf8(class_of(entry))));
    }
    return {};
  }

 private:
  void add(const Tensor& pictures, const std::string& first) {
    bool computed = false;
    const auto rows = steps_.step<std::vector<float>>(name_ + " " + first, [&] {
      extractor_.add(pictures);
      computed = true;
      return extractor_.last_rows(pictures.shape().n);
    });
    if (!computed) extractor_.add_known(pictures, rows);
  }

  std::int64_t number_of(const std::string& name) {
    if (name.empty()) return -1;
    const auto [at, is_new] =
        numbers_.try_emplace(name, static_cast<std::int64_t>(found_.class_names.size()));
    if (is_new) found_.class_names.push_back(name);
    return at->second;
  }

  const CompareJob& job_;
  const weights::Package& package_;
  const RunContext& context_;
  Steps& steps_;
  const std::string& name_;
  FeatureExtractor extractor_;
  Collection found_;
  std::map<std::string, std::int64_t> numbers_;
};

}  // namespace

std::vector<NodeId> compared_layers(const Graph& graph, std::size_t most) {
  const NodeId last = logits_node(graph);
  std::vector<NodeId> all;
  NodeId reach = 0;  // the farthest reader of what lies below
  for (NodeId id = 0; id <= last; ++id) {
    const bool alone = reach <= id;
    for (const NodeId reader : graph.node(id).consumers) reach = std::max(reach, reader);
    // Of a convolution, its normalisation and its rectifier only the last is a layer to people.
    const LayerKind next =
        id < last ? graph.node(graph.node(id).consumers.at(0)).layer->kind() : LayerKind::kSoftmax;
    const bool followed = next == LayerKind::kRelu || next == LayerKind::kBatchNorm ||
                          next == LayerKind::kLeakyRelu || next == LayerKind::kClip;
    const LayerKind kind = graph.node(id).layer->kind();
    const bool same = kind == LayerKind::kDropout || kind == LayerKind::kFlatten ||
                      kind == LayerKind::kLrn || kind == LayerKind::kPad;
    if (id > 0 && alone && !followed && !same) all.push_back(id);
  }
  if (all.size() <= most || most < 2) return all;
  std::vector<NodeId> thinned;
  for (std::size_t k = 0; k < most; ++k) thinned.push_back(all[k * (all.size() - 1) / (most - 1)]);
  return thinned;
}

bool Collection::labelled() const {
  if (class_names.size() < 2) return false;
  std::vector<int> counts(class_names.size(), 0);
  for (const std::int64_t c : classes) {
    if (c >= 0) ++counts[static_cast<std::size_t>(c)];
  }
  return *std::ranges::max_element(counts) >= 2;
}

std::string class_of(const ImageEntry& entry) {
  if (entry.label) {
    const std::string name = column_of(entry, "name");
    return name.empty() ? "class " + std::to_string(*entry.label) : name;
  }
  const std::size_t slash = entry.name.rfind('/');
  if (slash == std::string::npos) return {};
  const std::size_t before = entry.name.rfind('/', slash - 1);
  return entry.name.substr(before == std::string::npos ? 0 : before + 1,
                           slash - (before == std::string::npos ? 0 : before + 1));
}

Collection collect(const CompareJob& job,
                   const weights::Package& package,
                   const std::vector<FeatureRequest>& requests,
                   const RunContext& context,
                   Steps& steps,
                   const std::string& name) {
  return Collector(job, package, requests, context, steps, name).run();
}

void revisit(const CompareJob& job,
             const weights::Package& package,
             const std::vector<std::int64_t>& places,
             const RunContext& context,
             const std::function<void(std::size_t, const Image&, const Tensor&)>& use) {
  const ImageSourcePtr source = open(job);
  const Shape shape = batch_shape(package, 1);
  const std::int64_t end = places.empty() ? 0 : *std::ranges::max_element(places) + 1;
  for (std::int64_t at = 0; at < end; ++at) {
    ImageEntry entry;
    const auto wanted = std::ranges::find(places, at);
    if (!source->next(entry, wanted != places.end())) return;
    if (wanted == places.end()) continue;
    throw_if_cancelled(context.observer);
    const std::array one{entry};
    Batch batch = load_batch(one, 0, 1, package.preprocess, shape, 1);
    if (batch.entries.empty()) continue;
    use(static_cast<std::size_t>(wanted - places.begin()), batch.seen[0], batch.input);
  }
}

void write_dump(const std::string& path, const Collection& collection, const Graph& graph) {
  files::AtomicFile target(path);
  weights::Hdf5File file = weights::Hdf5File::create(target.temporary());
  const std::vector<std::string> layers = group_names(graph);
  for (const LayerFeatures& f : collection.features) {
    if (f.request.layer == 0) continue;  // the pixels: whoever has the pictures has them
    const std::string& layer = layers[static_cast<std::size_t>(f.request.layer)];
    const std::vector<std::int64_t> dims{f.vectors.rows, f.vectors.columns};
    file.write_f32("/features/" + layer + "/" + to_string(f.request.representation), dims,
                   f.vectors.values);
  }
  std::vector<float> labels(collection.classes.begin(), collection.classes.end());
  file.write_f32("/labels", std::vector<std::int64_t>{collection.size()}, labels);
  const auto lines = [](const std::vector<std::string>& texts) {
    std::string all;
    for (const std::string& text : texts) all += text + "\n";
    return all;
  };
  file.write_text("/names", lines(collection.names));
  file.write_text("/classes", lines(collection.class_names));
  file.close();
  target.commit();
}

}  // namespace cutaway::explain
