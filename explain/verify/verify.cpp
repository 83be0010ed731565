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
    const std::vector<Place> forward = places(graph_, reference_, ReferenceKind::kActivation);
    const std::vector<Place> backward = places(graph_, reference_, ReferenceKind::kGradient);
    if (forward.empty() && backward.empty()) return;
    RunRequest request;
    request.input = reference_.input().shape();
    request.engines = engines_;
    for (const Place& p : forward) request.taps.push_back(p.node);
    if (!backward.empty()) request.from = score();
    for (const Place& p : backward) request.to.push_back(p.node);
    const RunResult run =
        run_model(package_.model, request, reference_.input(), reference_.targets(), stream_);
    for (const Place& p : forward) add(p, run.values.at(p.node), tolerances_.activation);
    const bool sound = std::all_of(result_.rows.begin(), result_.rows.end(),
                                   [](const Comparison& row) { return row.ok; });
    const std::size_t first = result_.rows.size();
    for (const Place& p : backward) add(p, run.gradients.at(p.node), tolerances_.gradient);
    const std::span<Comparison> gradients = std::span(result_.rows).subspan(first);
    const bool agree = std::all_of(gradients.begin(), gradients.end(),
                                   [](const Comparison& row) { return row.ok; });
    // Where activations differ, so do gradients: that says nothing about rounding.
    if (agree || !sound) return;
    if (forward.empty()) {
      result_.rounding =
          "the bundle holds no activations, so it cannot be told whether rectifiers and pooling "
          "windows that rounding decides make the difference";
      return;
    }
    decide(request, forward, backward, gradients);
  }

  /// Gradients jump where a rectifier or a pooling window is decided by rounding. Whether that is
  /// all that differs is found by taking the reference's activations for granted.
  void decide(RunRequest request,
              const std::vector<Place>& forward,
              const std::vector<Place>& backward,
              std::span<Comparison> gradients) {
    const std::vector<NodeId> deciding = deciding_nodes(graph_, request.from);
    request.taps.insert(request.taps.end(), deciding.begin(), deciding.end());
    std::sort(request.taps.begin(), request.taps.end());
    request.taps.erase(std::unique(request.taps.begin(), request.taps.end()), request.taps.end());
    const RunResult own =
        run_model(package_.model, request, reference_.input(), reference_.targets(), stream_);
    PinnedValues theirs;
    PinnedValues ours;
    for (const Place& p : forward) {
      if (p.node == 0) continue;
      theirs.emplace(p.node, reference_.read(*p.item));
      ours.emplace(p.node, own.values.at(p.node).clone());
    }
    const RunResult at_theirs = run_pinned(request, theirs, deciding);
    // The same detour with our own values must change nothing, or it proves nothing.
    const RunResult at_ours = run_pinned(request, ours, {});
    const Decisions d = compare_decisions(graph_, own.values, at_theirs.values);
    bool explained = true;
    for (std::size_t i = 0; i < backward.size(); ++i) {
      const NodeId node = backward[i].node;
      Comparison& row = gradients[i];
      row.decided =
          distance(at_theirs.gradients.at(node).f32(), reference_.read(*backward[i].item).f32());
      const Distance same =
          distance(at_ours.gradients.at(node).f32(), own.gradients.at(node).f32());
      if (row.ok) continue;
      row.ok = d.rectifiers_differ + d.windows_differ > 0 && agrees(same, tolerances_.gradient) &&
               agrees(*row.decided, tolerances_.gradient);
      row.by_rounding = row.ok;
      explained = explained && row.ok;
    }
    describe(d, explained);
  }

  /// Gradients (and outputs of `deciding`) at given activations, by the nodes of this model.
  RunResult run_pinned(const RunRequest& request,
                       const PinnedValues& values,
                       const std::vector<NodeId>& deciding) const {
    const PinnedModel pinned(package_.model, values, device_of(stream_));
    RunRequest there = request;
    there.from = pinned.seen(request.from);
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

  void describe(const Decisions& d, bool explained) {
    const auto share = [](std::int64_t part, std::int64_t all) {
      return std::to_string(part) + " of " + std::to_string(all);
    };
    const std::string counts = share(d.rectifiers_differ, d.rectifiers) + " rectifiers and " +
                               share(d.windows_differ, d.windows) + " pooling windows";
    if (explained) {
      result_.rounding = "gradients differ because rounding decides " + counts +
                         " otherwise; with the reference's decisions they agree";
    } else {
      result_.rounding = counts +
                         " are decided otherwise, but gradients still differ with the reference's "
                         "recorded activations: either not all activations are recorded, or a "
                         "gradient is wrong";
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
    std::vector<MethodPtr> methods;
    methods.push_back(make_method(recipe.method, recipe.options));
    Session::Options options;
    options.layer = recipe.layer;
    options.engines = engines_;
    Session session(package_.model, std::move(methods), reference_.input().shape(), stream_,
                    options);
    session.forward(reference_.input().clone());
    const std::vector<Explanation> maps = session.explain(reference_.targets());
    result_.rows.push_back(compare(ReferenceKind::kMap, item.name, recipe.method, maps.at(0).map,
                                   reference_.read(item), tolerances_.map));
  }

  const weights::Package& package_;
  const Graph& graph_;
  const Reference& reference_;
  const Tolerances& tolerances_;
  const Stream& stream_;
  const kernels::EngineOptions& engines_;
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
