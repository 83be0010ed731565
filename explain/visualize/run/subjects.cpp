#include "explain/visualize/run/subjects.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <optional>

#include "explain/network.h"
#include "explain/pictures/preprocess.h"
#include "explain/pictures/read_image.h"
#include "explain/runs/load_network.h"
#include "explain/runs/output_names.h"
#include "explain/runs/targets.h"
#include "explain/visualize/layer_score.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

constexpr std::int64_t kLargestSide = 4096;
constexpr std::int64_t kLucidSide = 128;  // pixels; Olah et al. 2017

std::vector<float> read_direction(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw Error(ErrorKind::kInput, "cannot read the direction").at(path);
  std::vector<float> values;
  std::string word;
  while (values.size() <= (1U << 20U) && file >> word) {
    if (!word.empty() && word.back() == ',') word.pop_back();
    char* end = nullptr;
    const float v = std::strtof(word.c_str(), &end);
    if (word.empty() || *end != '\0' || !std::isfinite(v)) {
      throw Error(ErrorKind::kInput, "direction")
          .at(path)
          .expected("numbers, one a channel")
          .got("'" + word + "'");
    }
    values.push_back(v);
  }
  return values;
}

NodeId layer_of(const VisualizeJob& job, const Graph& graph) {
  if (job.layer.empty())
    throw Error(ErrorKind::kUsage, "which layer?").hint("name it with --layer");
  const NodeId id = graph.find(job.layer);
  if (id == 0) throw Error(ErrorKind::kUsage, "the input is no layer to visualise").at(job.layer);
  return id;
}

/// A layer's answer to a photograph.
Tensor answer(const weights::Package& package,
              NodeId layer,
              const Tensor& photo,
              const RunContext& context) {
  LayerScore score(package.model, layer, photo.shape(), context.settings.stream(),
                   context.settings.engines());
  return score.activations(photo);
}

void add_classes(const VisualizeJob& job,
                 const weights::Package& package,
                 std::vector<Subject>& all) {
  for (const std::string& text : job.classes) {
    const auto target = text.starts_with("top") || text == "label"
                            ? std::optional<std::int64_t>()
                            : TargetRule(text, package).resolve({}, ImageEntry{}, 0).target;
    if (!target) throw Error(ErrorKind::kUsage, "class").expected("a number or a name").got(text);
    const std::string name = label_name(package, *target);
    all.push_back({name, name, "", logits_node(package.model.graph), neuron_objective(*target)});
  }
}

void add_channels(const VisualizeJob& job, const Graph& graph, std::vector<Subject>& all) {
  for (const std::int64_t channel : job.channels) {
    const std::string unit = (job.neuron ? "neuron " : "channel ") + std::to_string(channel);
    all.push_back(
        {job.layer + " " + unit, unit, "", layer_of(job, graph),
         job.neuron ? neuron_objective(channel, job.row, job.column) : channel_objective(channel)});
  }
}

Subject inversion(const VisualizeJob& job,
                  const weights::Package& package,
                  const RunContext& context) {
  const NodeId layer = layer_of(job, package.model.graph);
  const Tensor photo = photograph(job, package, job.invert, false);
  const Shape want = asked_shape(job, package.model.graph);
  if (photo.shape().h != want.h || photo.shape().w != want.w) {
    throw Error(ErrorKind::kShape, "picture after preprocessing")
        .at(job.invert)
        .expected(std::to_string(want.w) + "x" + std::to_string(want.h))
        .got(std::to_string(photo.shape().w) + "x" + std::to_string(photo.shape().h))
        .hint("resize the picture, or give --size");
  }
  return {job.layer + " inverted", "inverted", "", layer,
          match_objective(answer(package, layer, photo, context))};
}

ObjectivePtr objective_of_dream(const VisualizeJob& job,
                                const weights::Package& package,
                                const RunContext& context) {
  if (job.guide.empty()) return dream_objective();
  const Tensor guide = photograph(job, package, job.guide, true);
  return guided_dream_objective(
      answer(package, layer_of(job, package.model.graph), guide, context));
}

}  // namespace

Shape asked_shape(const VisualizeJob& job, const Graph& graph) {
  Shape s = graph.node(0).shape;
  s.n = job.variants;
  if (job.size > 0) s.h = s.w = job.size;
  return s;
}

std::pair<Shape, const char*> shape_of(const VisualizeJob& job, const Model& model, NodeId node) {
  const Shape s = asked_shape(job, model.graph);
  if (job.size > 0) return {s, "given"};
  if (job.settings.mode != AscentMode::kLucid || std::min(s.h, s.w) <= kLucidSide)
    return {s, "the net's own"};
  Shape small = s;
  small.h = small.w = kLucidSide;
  try {
    (void)subnet(model, node, small);
  } catch (const Error&) {
    return {s, "the net's own: a layer takes no other"};
  }
  return {small, "Lucid's default"};
}

Tensor photograph(const VisualizeJob& job,
                  const weights::Package& package,
                  const std::string& path,
                  bool own_shape) {
  weights::Preprocess rule = package.preprocess;
  const Image image = read_image(path);
  if (own_shape) {
    rule.crop = weights::CropRule::kNone;
    rule.resize = weights::ResizeRule::kNone;
    const int longest = std::max(image.width, image.height);
    const std::int64_t limit = job.size > 0 ? job.size : kLargestSide;
    if (longest > limit) {
      const double f = static_cast<double>(limit) / longest;
      rule.resize = weights::ResizeRule::kWarp;
      rule.interpolation = weights::Interpolation::kBilinearPil;
      rule.width = std::max(1, static_cast<int>(std::lround(f * image.width)));
      rule.height = std::max(1, static_cast<int>(std::lround(f * image.height)));
    }
  }
  return preprocess(image, rule);
}

std::vector<Subject> subjects_of(const VisualizeJob& job,
                                 const weights::Package& package,
                                 const RunContext& context) {
  const Graph& graph = package.model.graph;
  std::vector<Subject> all;
  add_classes(job, package, all);
  add_channels(job, graph, all);
  if (!job.direction.empty()) {
    all.push_back({job.layer + " direction", "direction", "", layer_of(job, graph),
                   direction_objective(read_direction(job.direction), job.cosine_power)});
  }
  if (!job.invert.empty()) all.push_back(inversion(job, package, context));
  if (job.dream) {
    all.push_back({job.layer + " dream", "dream", "", layer_of(job, graph),
                   objective_of_dream(job, package, context)});
  }
  if (all.empty()) {
    throw Error(ErrorKind::kUsage, "nothing to visualise")
        .hint("give --class, or --layer with --channel, --direction, --invert or --dream");
  }
  std::vector<std::string> names;
  for (const Subject& subject : all) names.push_back(subject.name);
  const std::vector<std::string> words = file_words(names);
  for (std::size_t i = 0; i < all.size(); ++i) all[i].word = words[i];
  return all;
}

}  // namespace cutaway::explain
