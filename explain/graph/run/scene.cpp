#include "explain/graph/run/scene.h"

#include <chrono>

#include "explain/graph/infer.h"
#include "explain/runs/load_network.h"
#include "explain/runs/output_names.h"
#include "runtime/error.h"
#include "runtime/stopwatch.h"

namespace cutaway::explain {
namespace {

using graph::PixelPoint;

PixelBox turned(PixelBox box, int side) {
  const double x1 = box.x1;
  box.x1 = side - 1 - box.x2;
  box.x2 = side - 1 - x1;
  return box;
}

/// Picture i of `from` in place of that of `to`.
void copy_image(const graph::Records& from, graph::Records& to, std::int64_t i) {
  for (std::int64_t n = 0; n < to.nodes(); ++n) {
    to.h.row(n)[i] = from.h.at(n, i);
    to.w.row(n)[i] = from.w.at(n, i);
    to.peak.row(n)[i] = from.peak.at(n, i);
    to.total.row(n)[i] = from.total.at(n, i);
  }
}

}  // namespace

PixelPoint Scene::place(std::size_t layer, std::int64_t node, std::int64_t image) const {
  const graph::LayerSpec& spec = graph().layers[layer].spec;
  return {spec.pixel(static_cast<double>(records[layer].h.at(node, image))),
          spec.pixel(static_cast<double>(records[layer].w.at(node, image)))};
}

std::unique_ptr<PartBox> Scene::part(std::int64_t image, const std::string& name) const {
  const ObjectEntry& object = features.objects[static_cast<std::size_t>(image)];
  const bool mirrored = !mirror.empty() && mirror[static_cast<std::size_t>(image)] != 0;
  const std::string wanted = mirrored ? mirrored_name(name) : name;
  std::unique_ptr<PartBox> found;
  for (const PartBox& p : object.parts) {
    if (p.name != wanted || !p.seen) continue;
    if (found != nullptr) return nullptr;
    found = std::make_unique<PartBox>(p);
    found->name = name;
    found->box = in_cutting(p.box, object.box, side, side);
    const PixelBox center =
        in_cutting({p.center_x, p.center_y, p.center_x, p.center_y}, object.box, side, side);
    found->center_x = (center.x1 + center.x2) / 2;
    found->center_y = (center.y1 + center.y2) / 2;
    if (!mirrored) continue;
    found->box = turned(found->box, side);
    found->center_x = side - 1 - found->center_x;
  }
  return found;
}

graph::Records Scene::filters(std::size_t layer, FilterKind kind) const {
  return kind == FilterKind::kPlain ? plain.at(layer)
                                    : graph::raw_filters(features.maps[layer], mirror);
}

graph::Landmark Scene::landmark(const std::string& name) const {
  graph::Landmark landmark;
  for (std::int64_t i = 0; i < images(); ++i) {
    const auto p = part(i, name);
    landmark.push_back(p != nullptr ? PixelPoint{p->center_y, p->center_x, true}
                                    : PixelPoint{0, 0, false});
  }
  return landmark;
}

Scene open_scene(const SceneQuery& query, const RunContext& context) {
  Scene scene{load_network(query.model), load_graph(query.graph), {}, {}, {}, {}, {}, 0, 0, 0};
  const std::string hash = weights::weights_hash(scene.model.model);
  if (hash != scene.package.origin.model_hash) {
    throw Error(ErrorKind::kInput, "the graph explains another net")
        .at(query.graph)
        .expected("the net " + scene.package.origin.model_file + " with weights " +
                  scene.package.origin.model_hash)
        .got(hash);
  }
  std::vector<std::string> names;
  std::vector<std::int64_t> nodes;
  std::vector<std::vector<float>> sigma;
  for (const auto& layer : scene.graph().layers) {
    names.push_back(layer.spec.name);
    nodes.push_back(layer.spec.nodes);
    if (layer.sigma.empty())
      throw Error(ErrorKind::kInput, "the graph holds no sigma").at(query.graph);
    sigma.push_back(layer.sigma);
  }
  scene.taps = graph_layers(scene.model.model.graph, names, nodes);
  for (std::size_t l = 0; l < names.size(); ++l) {
    const auto& a = scene.taps[l].spec;
    const auto& b = scene.graph().layers[l].spec;
    if (a.filters != b.filters || a.size != b.size || a.name != b.name) {
      throw Error(ErrorKind::kInput, "a layer of the graph is not that of the net").at(b.name);
    }
  }
  const std::vector<ObjectEntry> objects = read_objects(query.objects);
  TapRunner runner(scene.model, scene.taps, query.batch, context);
  scene.side = runner.width();
  FeatureOptions options = query.features;
  options.mirrored = scene.graph().config.flips;
  auto start = Clock::now();
  scene.features = extract_features(runner, objects, sigma, options, context);
  scene.forward_seconds = seconds_since(start);
  start = Clock::now();
  const Stream stream = context.settings.stream();
  if (options.mirrored) {
    scene.mirror = orientations(scene.graph(), scene.features.maps, stream);
    for (std::size_t i = 0; i < scene.mirror.size(); ++i) {
      Image& seen = scene.features.cuttings[i];
      if (scene.mirror[i] != 0) seen = cut_out(seen, {}, seen.width, seen.height, true);
    }
  }
  scene.plain = scene.features.plain;
  for (std::size_t l = 0; l < scene.plain.size(); ++l) {
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(scene.mirror.size()); ++i) {
      if (scene.mirror[static_cast<std::size_t>(i)] != 0)
        copy_image(scene.features.plain_mirrored[l], scene.plain[l], i);
    }
  }
  scene.records = infer(scene.graph(), scene.features.maps, stream, scene.mirror);
  scene.infer_seconds = seconds_since(start);
  return scene;
}

std::vector<std::string> layer_words(const graph::ExplanatoryGraph& graph) {
  std::vector<std::string> names;
  for (const auto& layer : graph.layers) names.push_back(layer.spec.name);
  return file_words(names);
}

}  // namespace cutaway::explain
