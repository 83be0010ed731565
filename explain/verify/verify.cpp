#include "explain/verify/verify.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "explain/network.h"
#include "explain/pictures/preprocess.h"
#include "explain/session.h"
#include "explain/verify/decisions.h"
#include "explain/verify/diagnosis.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

/// A recorded layer and the node it is here.
struct Place {
  const ReferenceItem* item;
  NodeId node;
};

NodeId node_of(const Graph& graph, const ReferenceItem& item, const std::string& file) {
  try {
    return graph.find(item.name);
  } catch (const Error& error) {
    throw Error(ErrorKind::kInput, error.what()).at(file + ":" + item.dataset);
  }
}

std::vector<Place> places(const Graph& graph, const Reference& reference, ReferenceKind kind) {
  std::vector<Place> found;
  for (const ReferenceItem& item : reference.items()) {
    if (item.kind == kind) found.push_back({&item, node_of(graph, item, reference.path())});
  }
  const bool down = kind == ReferenceKind::kGradient;
  std::stable_sort(found.begin(), found.end(), [down](const Place& a, const Place& b) {
    return down ? a.node > b.node : a.node < b.node;
  });
  return found;
}

Comparison compare(ReferenceKind kind,
                   const std::string& name,
                   const std::string& type,
                   const Tensor& mine,
                   const Tensor& wanted,
                   double tolerance) {
  Comparison row;
  row.kind = kind;
  row.name = name;
  row.type = type;
  row.shape = wanted.shape();
  row.tolerance = tolerance;
  if (!(mine.shape() == wanted.shape())) {
    row.problem =
        "shape " + to_string(mine.shape()) + ", the reference has " + to_string(wanted.shape());
    return row;
  }
  row.distance = distance(mine.f32(), wanted.f32());
  row.ok = agrees(row.distance, tolerance);
  return row;
}

class Verifier {
 public:
  Verifier(const weights::Package& package,
           const Reference& reference,
           const Tolerances& tolerances,
           const Stream& stream,
           const kernels::EngineOptions& engines)
      : package_(package),
        graph_(package.model.graph),
        reference_(reference),
        tolerances_(tolerances),
        stream_(stream),
        engines_(engines) {}

  Verification run() {
    inputs();
    layers();
    for (const ReferenceItem& item : reference_.items()) {
      if (item.kind == ReferenceKind::kMap) map(item);
    }
    const auto bad = std::find_if(result_.rows.begin(), result_.rows.end(),
                                  [](const Comparison& row) { return !row.ok; });
    result_.first = static_cast<std::size_t>(bad - result_.rows.begin());
    if (bad != result_.rows.end() && bad->kind == ReferenceKind::kActivation) {
      result_.diagnosis = diagnose(package_.model, reference_, graph_.find(bad->name),
                                   tolerances_.activation, stream_);
    }
    return std::move(result_);
  }

 private:
  void inputs() {
    const std::optional<Tensor> pictures = reference_.pictures();
    if (!pictures) return;
    const Shape s = pictures->shape();  // N x H x W x 3
    Tensor mine = zeros(reference_.input().shape());
    const auto bytes = static_cast<std::size_t>(s.c * s.h * s.w);
    for (std::int64_t n = 0; n < s.n; ++n) {
      Image image = make_image(static_cast<int>(s.h), static_cast<int>(s.c));
      const auto values = pictures->f32().subspan(static_cast<std::size_t>(n) * bytes, bytes);
      std::transform(values.begin(), values.end(), image.rgb.begin(), [](float v) {
        return static_cast<std::uint8_t>(std::clamp(v, 0.0f, 255.0f));
      });
      const Image seen = resize_and_crop(image, package_.preprocess);
      if (seen.width != mine.shape().w || seen.height != mine.shape().h) {
        Comparison row;
        row.kind = ReferenceKind::kInput;
        row.name = "input";
        row.type = "preprocessing";
        row.shape = reference_.input().shape();
        row.problem = "preprocessing makes " + std::to_string(seen.width) + "x" +
                      std::to_string(seen.height) + " of the picture";
        result_.rows.push_back(row);
        return;
      }
      fill_input(seen, package_.preprocess, mine.ref().out(), n);
    }
    result_.rows.push_back(compare(ReferenceKind::kInput, "input", "preprocessing", mine,
                                   reference_.input(), tolerances_.input));
  }

  void layers() {
    forward_ = places(graph_, reference_, ReferenceKind::kActivation);
    const std::vector<Place> backward = places(graph_, reference_, ReferenceKind::kGradient);
    if (forward_.empty() && backward.empty()) return;
    RunRequest request;
    request.input = reference_.input().shape();
    request.engines = engines_;
    for (const Place& p : forward_) request.taps.push_back(p.node);
    if (!backward.empty()) request.from = score();
    for (const Place& p : backward) request.to.push_back(p.node);
    const RunResult run =
        run_model(package_.model, request, reference_.input(), reference_.targets(), stream_);
    for (const Place& p : forward_) add(p, run.values.at(p.node), tolerances_.activation);
    sound_ = std::all_of(result_.rows.begin(), result_.rows.end(),
                         [](const Comparison& row) { return row.ok; });
    const std::size_t first = result_.rows.size();
    for (const Place& p : backward) add(p, run.gradients.at(p.node), tolerances_.gradient);
    const std::span<Comparison> gradients = std::span(result_.rows).subspan(first);
    const bool agree = std::all_of(gradients.begin(), gradients.end(),
                                   [](const Comparison& row) { return row.ok; });
    // Where activations differ, so do gradients: that says nothing about rounding.
    if (agree || !sound_) return;
    if (forward_.empty()) {
      result_.rounding =
          "the bundle holds no activations, so it cannot be told whether rectifiers and pooling "
          "windows that rounding decides make the difference";
      return;
    }
    decide(request, backward, gradients);
  }

  /// The activations that the bundle holds, this model's beside them, and what rectifiers and
  /// pooling windows decide otherwise at them.
  struct Recorded {
    PinnedValues theirs, ours;
    Decisions decisions;
  };

  /// Null where the bundle holds no activations, or some differ: that says nothing about rounding.
  const Recorded* recorded() {
    if (!sound_ || forward_.empty()) return nullptr;
    if (recorded_) return &*recorded_;
    const std::vector<NodeId> deciding = recorded_deciding();
    RunRequest request;
    request.input = reference_.input().shape();
    request.engines = engines_;
    request.taps = deciding;
    for (const Place& p : forward_) request.taps.push_back(p.node);
    std::sort(request.taps.begin(), request.taps.end());
    request.taps.erase(std::unique(request.taps.begin(), request.taps.end()), request.taps.end());
    const RunResult own =
        run_model(package_.model, request, reference_.input(), reference_.targets(), stream_);
    recorded_.emplace();
    for (const Place& p : forward_) {
      if (p.node == 0) continue;
      recorded_->theirs.emplace(p.node, reference_.read(*p.item));
      recorded_->ours.emplace(p.node, own.values.at(p.node).clone());
    }
    PinnedValues mine;
    for (const NodeId node : deciding) mine.emplace(node, own.values.at(node).clone());
    const RunResult at_theirs = run_pinned(request, recorded_->theirs, deciding);
    recorded_->decisions = compare_decisions(graph_, mine, at_theirs.values);
    return &*recorded_;
  }

  /// Deciding nodes whose decision the bundle tells: they, or what they read, are recorded. What
  /// others decide is computed here in either case, and says nothing of the reference.
  [[nodiscard]] std::vector<NodeId> recorded_deciding() const {
    const auto known = [&](NodeId node) {
      return std::any_of(forward_.begin(), forward_.end(),
                         [node](const Place& p) { return p.node == node; });
    };
    std::vector<NodeId> nodes = deciding_nodes(graph_, score());
    std::erase_if(nodes, [&](NodeId node) {
      const std::vector<NodeId>& inputs = graph_.node(node).inputs;
      return !known(node) && !std::any_of(inputs.begin(), inputs.end(), known);
    });
    return nodes;
  }

  /// Gradients jump where a rectifier or a pooling window is decided by rounding. Whether that is
  /// all that differs is found by taking the reference's activations for granted.
  void decide(const RunRequest& request,
              const std::vector<Place>& backward,
              std::span<Comparison> gradients) {
    const Recorded& known = *recorded();
    const RunResult own =
        run_model(package_.model, request, reference_.input(), reference_.targets(), stream_);
    const RunResult at_theirs = run_pinned(request, known.theirs, {});
    // The same detour with our own values must change nothing, or it proves nothing.
    const RunResult at_ours = run_pinned(request, known.ours, {});
    bool explained = true;
    for (std::size_t i = 0; i < backward.size(); ++i) {
      const NodeId node = backward[i].node;
      const Distance same =
          distance(at_ours.gradients.at(node).f32(), own.gradients.at(node).f32());
      forgive(
          gradients[i],
          distance(at_theirs.gradients.at(node).f32(), reference_.read(*backward[i].item).f32()),
          same);
      explained = explained && gradients[i].ok;
    }
    describe("gradients", explained);
  }

  /// A row that differs is right where it agrees with the reference's decisions, some of which
  /// differ, and where the detour itself (`same`) changes nothing.
  void forgive(Comparison& row, const Distance& decided, const Distance& same) {
    const Decisions& d = recorded_->decisions;
    row.decided = decided;
    if (row.ok) return;
    row.ok = d.rectifiers_differ + d.windows_differ > 0 && agrees(same, row.tolerance) &&
             agrees(decided, row.tolerance);
    row.by_rounding = row.ok;
  }

  /// Gradients (and outputs of `deciding`) at given activations, by the nodes of this model.
  RunResult run_pinned(const RunRequest& request,
                       const PinnedValues& values,
                       const std::vector<NodeId>& deciding) const {
    const PinnedModel pinned(package_.model, values, device_of(stream_));
    RunRequest there = request;
    if (request.from >= 0)
      there.from = pinned.seen(request.from);  // else no gradients are asked for
    there.to.clear();
    there.taps.clear();
    for (const NodeId node : request.to) there.to.push_back(pinned.seen(node));
    for (const NodeId node : deciding) there.taps.push_back(pinned.seen(node));
    RunResult found =
        run_model(pinned.model(), there, reference_.input(), reference_.targets(), stream_);
    RunResult result;
    for (const NodeId node : request.to) {
      result.gradients.emplace(node, found.gradients.at(pinned.seen(node)).clone());
    }
    for (const NodeId node : deciding) {
      result.values.emplace(node, std::move(found.values.at(pinned.seen(node))));
    }
    return result;
  }

  void describe(const std::string& what, bool explained) {
    const Decisions& d = recorded_->decisions;
    const auto share = [](std::int64_t part, std::int64_t all) {
      return std::to_string(part) + " of " + std::to_string(all);
    };
    const std::string counts = share(d.rectifiers_differ, d.rectifiers) + " rectifiers and " +
                               share(d.windows_differ, d.windows) + " pooling windows";
    if (explained) {
      result_.rounding = what + " differ because rounding decides " + counts +
                         " otherwise; with the reference's decisions they agree";
    } else {
      result_.rounding = counts + " are decided otherwise, but " + what +
                         " still differ with the reference's recorded activations: either not all "
                         "activations are recorded, or one of the " +
                         what + " is wrong";
    }
  }

  void add(const Place& p, const Tensor& mine, double tolerance) {
    const Node& node = graph_.node(p.node);
    result_.rows.push_back(compare(p.item->kind, node.name, std::string(node.layer->type()), mine,
                                   reference_.read(*p.item), tolerance));
  }

  NodeId score() const {
    const NodeId node =
        reference_.score().empty() ? logits_node(graph_) : graph_.find(reference_.score());
    const std::int64_t classes = graph_.node(node).shape.c;
    for (const std::int64_t target : reference_.targets()) {
      if (target < classes) continue;
      throw Error(ErrorKind::kInput, "/targets")
          .at(reference_.path())
          .expected("classes below " + std::to_string(classes))
          .got(std::to_string(target));
    }
    return node;
  }

  void map(const ReferenceItem& item) {
    const MapRecipe recipe = reference_.recipe(item);
    const Tensor mine = map_by(package_.model, recipe, recipe.layer);
    const Tensor wanted = reference_.read(item);
    Comparison row =
        compare(ReferenceKind::kMap, item.name, recipe.method, mine, wanted, tolerances_.map);
    if (!row.ok && row.problem.empty() && recorded() != nullptr) {
      const auto at = [&](const PinnedValues& values) {
        const PinnedModel pinned(package_.model, below_scores(values), device_of(stream_));
        const NodeId layer = layer_of(recipe);
        return map_by(pinned.model(), recipe,
                      layer < 0 ? "" : pinned.model().graph.node(pinned.seen(layer)).name);
      };
      const Tensor theirs = at(recorded_->theirs), ours = at(recorded_->ours);
      if (theirs.shape() == wanted.shape() && ours.shape() == mine.shape()) {
        forgive(row, distance(theirs.f32(), wanted.f32()), distance(ours.f32(), mine.f32()));
        describe("maps", row.ok);
      }
    }
    result_.rows.push_back(std::move(row));
  }

  /// What lies below the class scores: a method finds these by the layers at the end of the net,
  /// which must stay as they are. Nothing below depends on their values.
  [[nodiscard]] PinnedValues below_scores(const PinnedValues& values) const {
    PinnedValues below;
    for (const auto& [node, value] : values)
      if (node < logits_node(graph_)) below.emplace(node, value.clone());
    return below;
  }

  /// The layer of a map's method, named in the recipe or the method's default; -1: it has none.
  [[nodiscard]] NodeId layer_of(const MapRecipe& recipe) const {
    if (!recipe.layer.empty()) return graph_.find(recipe.layer);
    const bool needed =
        make_method(recipe.method, recipe.options)->layer_use() == LayerUse::kRequired;
    return needed ? default_layer(graph_).node : -1;
  }

  [[nodiscard]] Tensor map_by(const Model& model,
                              const MapRecipe& recipe,
                              const std::string& layer) const {
    std::vector<MethodPtr> methods;
    methods.push_back(make_method(recipe.method, recipe.options));
    Session::Options options;
    options.layer = layer;
    options.engines = engines_;
    Session session(model, std::move(methods), reference_.input().shape(), stream_, options);
    session.forward(reference_.input().clone());
    return std::move(session.explain(reference_.targets()).at(0).map);
  }

  const weights::Package& package_;
  const Graph& graph_;
  const Reference& reference_;
  const Tolerances& tolerances_;
  const Stream& stream_;
  const kernels::EngineOptions& engines_;
  std::vector<Place> forward_;  // recorded activations
  bool sound_{false};           // they agree
  std::optional<Recorded> recorded_;
  Verification result_;
};

void check_input(const Graph& graph, const Reference& reference) {
  const Shape& mine = graph.node(0).shape;
  const Shape& theirs = reference.input().shape();
  if (mine.c == theirs.c && mine.h == theirs.h && mine.w == theirs.w) return;
  throw Error(ErrorKind::kInput, "extents of /input")
      .at(reference.path())
      .expected(to_string(mine) + ", as the model takes")
      .got(to_string(theirs));
}

}  // namespace

Distance distance(std::span<const float> a, std::span<const float> b) {
  check(a.size() == b.size(), "distance of tensors of different sizes");
  Distance d;
  double difference = 0;
  double mine = 0;
  double theirs = 0;
  double product = 0;
  bool finite = true;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto x = static_cast<double>(a[i]);
    const auto y = static_cast<double>(b[i]);
    finite = finite && std::isfinite(x) && std::isfinite(y);
    d.largest = std::max(d.largest, std::abs(x - y));
    d.scale = std::max(d.scale, std::abs(y));
    difference += (x - y) * (x - y);
    mine += x * x;
    theirs += y * y;
    product += x * y;
  }
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  if (!finite) return {kNaN, kNaN, kNaN, kNaN, kNaN};
  const double infinite = std::numeric_limits<double>::infinity();
  d.relative = d.largest == 0 ? 0 : d.scale == 0 ? infinite : d.largest / d.scale;
  d.rms = difference == 0 ? 0 : theirs == 0 ? infinite : std::sqrt(difference / theirs);
  const double norms = std::sqrt(mine) * std::sqrt(theirs);
  d.cosine = norms > 0 ? product / norms : (mine == theirs ? 1 : 0);
  return d;
}

bool agrees(const Distance& d, double tolerance) { return d.largest <= tolerance * d.scale; }

Verification verify(const weights::Package& package,
                    const Reference& reference,
                    const Tolerances& tolerances,
                    const Stream& stream,
                    const kernels::EngineOptions& engines) {
  check_input(package.model.graph, reference);
  return Verifier(package, reference, tolerances, stream, engines).run();
}

}  // namespace cutaway::explain
