#include "explain/training/run/start_net.h"

#include <filesystem>

#include "explain/pictures/preprocess.h"
#include "explain/runs/load_network.h"
#include "layers/classifier.h"
#include "runtime/error.h"
#include "weights/net_file.h"
#include "weights/zoo/zoo.h"

namespace cutaway::training {
namespace {

using weights::Package;
using weights::Preprocess;

bool is_file(const std::string& net) {
  std::error_code code;
  return std::filesystem::is_regular_file(net, code);
}

Preprocess rule_of(const Shape& input, const Survey& survey) {
  Preprocess rule;
  if (input.c != 1 && input.c != 3) {
    throw Error(ErrorKind::kUnsupported, "channels of the net's input")
        .expected("1 or 3")
        .got(std::to_string(input.c));
  }
  if (input.c == 1) rule.order = weights::ColorOrder::kGray;
  rule.scale = 1.0f / 255.0f;
  for (std::size_t c = 0; c < 3; ++c) {
    rule.mean[c] = static_cast<float>(survey.mean[c] / 255.0);
    // Pictures of one colour have no deviation.
    rule.std[c] = survey.std[c] > 0.5 ? static_cast<float>(survey.std[c] / 255.0) : 1.0f;
  }
  rule.resize = weights::ResizeRule::kWarp;
  rule.width = static_cast<std::int32_t>(input.w);
  rule.height = static_cast<std::int32_t>(input.h);
  rule.interpolation = weights::Interpolation::kBilinearPil;
  return rule;
}

Package of_zoo(const NetRequest& request, std::int64_t classes) {
  weights::ZooNet net = weights::build_zoo(request.net, {classes});
  return {Model(std::move(net.graph)), net.preprocess};
}

Package of_net_file(const std::string& path, std::int64_t classes, const Survey& survey) {
  weights::NetFile net = weights::load_net_file(path, classes);
  const Preprocess rule =
      net.preprocess ? *net.preprocess : rule_of(net.graph.node(0).shape, survey);
  return {Model(std::move(net.graph)), rule};
}

/// The net as it is named, before a new head.
Package named_net(const NetRequest& request,
                  std::int64_t classes,
                  const Survey& survey,
                  InitialWeights initial,
                  std::uint64_t seed) {
  if (is_file(request.net) && weights::is_package(request.net)) {
    if (!request.edit.empty()) {
      throw Error(ErrorKind::kUsage, "a package keeps its weights, and they fit no other layers")
          .at(request.net)
          .hint("change a net of the zoo, or a net file");
    }
    return explain::load_network(request.net);
  }
  Package p = is_file(request.net) ? of_net_file(request.net, classes, survey)
                                   : of_zoo(request, request.head ? 0 : classes);
  if (!request.edit.empty()) p.model = Model(weights::edited(p.model.graph, request.edit));
  p.model.parameters = initial_parameters(p.model.graph, initial, seed);
  return p;
}

void check_classes(const Package& p, const LabelledSet& set) {
  const std::int64_t classes = class_count(p.model.graph);
  if (classes == static_cast<std::int64_t>(set.classes.size())) return;
  throw Error(ErrorKind::kInput, "classes of the net")
      .expected(std::to_string(set.classes.size()) + ", as the data has")
      .got(std::to_string(classes))
      .hint("--head gap puts a new end on it");
}

void check_sizes(const Package& p, const LabelledSet& set, const Survey& survey) {
  const Shape& input = p.model.graph.node(0).shape;
  for (const auto& [size, picture] : survey.sizes) {
    const explain::Image blank = explain::make_image(size.first, size.second);
    const std::string& name = set.pictures[static_cast<std::size_t>(picture)].name;
    explain::Image seen;
    try {
      seen = explain::resize_and_crop(blank, p.preprocess);
    } catch (const Error& error) {
      throw error.located(name);
    }
    if (seen.height == input.h && seen.width == input.w) continue;
    throw Error(ErrorKind::kShape, "size of the picture for the net")
        .at(name)
        .expected(std::to_string(input.w) + " x " + std::to_string(input.h))
        .got(std::to_string(seen.width) + " x " + std::to_string(seen.height))
        .hint("the net's preprocessing does not resize");
  }
}

}  // namespace

std::int64_t input_height(const NetRequest& request) {
  if (!is_file(request.net)) return weights::build_zoo(request.net, {2}).graph.node(0).shape.h;
  if (weights::is_package(request.net))
    return weights::load(request.net).model.graph.node(0).shape.h;
  return weights::load_net_file(request.net, 2).graph.node(0).shape.h;
}

Package start_net(const NetRequest& request,
                  const LabelledSet& set,
                  const Survey& survey,
                  InitialWeights initial,
                  std::uint64_t seed) {
  const auto classes = static_cast<std::int64_t>(set.classes.size());
  Package p = named_net(request, classes, survey, initial, seed);
  if (request.head) {
    HeadOptions head;
    head.kind = *request.head;
    head.classes = classes;
    head.from = request.from;
    head.dropout = request.dropout;
    head.initial = initial;
    head.seed = seed;
    p.model = replace_head(p.model, head);
  } else if (!request.from.empty()) {
    throw Error(ErrorKind::kUsage, "--from without a new head").hint("--head gap, gmp or fc");
  }
  check_classes(p, set);
  explain::validate(p.preprocess);
  check_sizes(p, set, survey);
  p.labels = set.classes;
  return p;
}

}  // namespace cutaway::training
