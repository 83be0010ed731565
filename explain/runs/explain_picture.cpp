#include "explain/runs/explain_picture.h"

#include "explain/class_probability.h"
#include "explain/network.h"
#include "explain/pictures/preprocess.h"
#include "explain/runs/cells.h"
#include "explain/runs/targets.h"
#include "explain/scores.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

Shape one_picture(const Graph& graph) {
  Shape s = graph.node(0).shape;
  s.n = 1;
  return s;
}

std::vector<std::string> layers_of(const std::string& layer) {
  return layer.empty() ? std::vector<std::string>{} : std::vector<std::string>{layer};
}

}  // namespace

PictureExplainer::PictureExplainer(const weights::Package& package,
                                   const MethodChoice& method,
                                   const std::string& layer,
                                   const RunContext& context)
    : package_(package),
      explainers_(package.model,
                  choose_methods({method}, {}, package, layer).methods,
                  layers_of(layer),
                  one_picture(package.model.graph),
                  context) {}

std::vector<double> PictureExplainer::forward(const Image& photo) {
  Tensor input = preprocess(photo, package_.preprocess);
  const Shape want = one_picture(package_.model.graph);
  if (!(input.shape() == want)) {
    throw Error(ErrorKind::kShape, "picture after preprocessing")
        .expected(to_string(want))
        .got(to_string(input.shape()));
  }
  const Tensor& scores = explainers_.forward(input);
  return class_probabilities(scores.f32(), class_head(package_.model.graph));
}

std::vector<double> PictureExplainer::classify(const Image& photo) { return forward(photo); }

MapCell PictureExplainer::explain(const Image& photo, const std::string& target) {
  const TargetRule rule(target, package_);
  if (rule.is_pair()) {
    throw Error(ErrorKind::kUsage, "a target of one map")
        .expected("top1, a class number or a name")
        .got(target);
  }
  const std::vector<double> p = forward(photo);
  const TargetRule::Choice choice = rule.resolve(top(p, p.size()), {});
  if (!choice.target) throw Error(ErrorKind::kInput, choice.missing);
  const std::vector<Explanation> all = explainers_.explain({*choice.target});
  return cell_of(all.front(), 0, rule.part_name(0), *choice.target, package_);
}

Image figure_of(const MapCell& map,
                const Image& photo,
                const weights::Preprocess& rule,
                const PaintOptions& options) {
  const Image seen = resize_and_crop(photo, rule);
  return figure(paint(map, seen, rule, options), seen, options);
}

}  // namespace cutaway::explain
