#include "tools/verifying/verify.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "explain/network.h"
#include "explain/session.h"
#include "runtime/error.h"
#include "tools/images/preprocess.h"
#include "tools/verifying/diagnosis.h"

namespace cutaway::tools {
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
  Comparison row{kind, name, type, wanted.shape(), {}, tolerance, false, {}};
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
      explain::Image image = explain::make_image(static_cast<int>(s.h), static_cast<int>(s.c));
      const auto values = pictures->f32().subspan(static_cast<std::size_t>(n) * bytes, bytes);
      std::transform(values.begin(), values.end(), image.rgb.begin(), [](float v) {
        return static_cast<std::uint8_t>(std::clamp(v, 0.0f, 255.0f));
      });
      const explain::Image seen = resize_and_crop(image, package_.preprocess);
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
    PlanRequest request;
    request.input = reference_.input().shape();
    request.engines = engines_;
    for (const Place& p : forward) request.taps.push_back(p.node);
    if (!backward.empty()) {
      BackwardRequest pass;
      pass.from = score();
      for (const Place& p : backward) pass.to.push_back(p.node);
      request.backward.push_back(std::move(pass));
    }
    Executor executor(package_.model, request, stream_);
    executor.set_input(reference_.input());
    executor.forward();
    for (const Place& p : forward) {
      add(p, executor.read(executor.value(p.node)), tolerances_.activation);
    }
    if (backward.empty()) return;
    std::vector<Executor::Unit> units;
    for (const std::int64_t target : reference_.targets()) units.push_back({target});
    executor.seed_units(0, units);
    executor.backward(0);
    for (const Place& p : backward) {
      add(p, executor.read(executor.gradient(0, p.node)), tolerances_.gradient);
    }
  }

  void add(const Place& p, const Tensor& mine, double tolerance) {
    const Node& node = graph_.node(p.node);
    result_.rows.push_back(compare(p.item->kind, node.name, std::string(node.layer->type()), mine,
                                   reference_.read(*p.item), tolerance));
  }

  NodeId score() const {
    const NodeId node =
        reference_.score().empty() ? explain::logits_node(graph_) : graph_.find(reference_.score());
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
    std::vector<explain::MethodPtr> methods;
    methods.push_back(explain::make_method(recipe.method, recipe.options));
    explain::Session::Options options;
    options.layer = recipe.layer;
    options.engines = engines_;
    explain::Session session(package_.model, std::move(methods), reference_.input().shape(),
                             stream_, options);
    session.forward(reference_.input().clone());
    const std::vector<explain::Explanation> maps = session.explain(reference_.targets());
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

}  // namespace cutaway::tools
