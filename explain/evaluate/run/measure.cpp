#include "explain/evaluate/run/measure.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "explain/class_probability.h"
#include "explain/evaluate/baseline.h"
#include "explain/evaluate/perturbation.h"
#include "explain/evaluate/pointing.h"
#include "explain/evaluate/robustness.h"
#include "explain/network.h"
#include "explain/pictures/preprocess.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

constexpr std::int64_t kRowsAStep = 8;  // RISE's step for data sets: 8 x 224 pixels of 224 x 224
constexpr std::int64_t kPatch = 4;      // of selectivity (Montavon et al. 2018)
constexpr std::int64_t kSelectivitySteps = 28;
constexpr std::int64_t kExplainedAtOnce = 8;

Shape one_picture(const weights::Package& package) {
  Shape s = package.model.graph.node(0).shape;
  s.n = 1;
  return s;
}

std::vector<MetricInfo> chosen_metrics(const EvaluateJob& job) {
  std::vector<MetricInfo> metrics;
  for (const std::string& name : job.metrics) metrics.push_back(find_metric(name));
  if (metrics.empty()) throw Error(ErrorKind::kUsage, "no metric is asked for");
  return metrics;
}

/// Keyed by the picture, so that its place in a list or batch does not matter.
std::uint64_t number_of(std::span<const float> picture) {
  std::uint64_t number = 0xCBF29CE484222325u;
  for (const float v : picture)
    number = (number ^ std::bit_cast<std::uint32_t>(v)) * 0x100000001B3u;
  return number;
}

void add_similarities(SanityCurve& curve,
                      const std::string& layer,
                      const std::vector<MapSimilarity>& similarity) {
  curve.layers.push_back(layer);
  BootstrapOptions numbers;
  numbers.shares = false;
  std::vector<double> values[4];
  for (const MapSimilarity& s : similarity) {
    const double found[] = {s.spearman_absolute, s.spearman, s.ssim, s.hog};
    for (std::size_t k = 0; k < 4; ++k) values[k].push_back(found[k]);
  }
  curve.spearman_absolute.push_back(mean_interval(values[0], numbers));
  curve.spearman.push_back(mean_interval(values[1], numbers));
  curve.ssim.push_back(mean_interval(values[2], numbers));
  curve.hog.push_back(mean_interval(values[3], numbers));
}

}  // namespace

const std::vector<MetricInfo>& all_metrics() {
  static const std::vector<MetricInfo> metrics{{Metric::kDeletion, "deletion", false},
                                               {Metric::kInsertion, "insertion", true},
                                               {Metric::kAverageDrop, "average_drop", false},
                                               {Metric::kIncrease, "increase", true},
                                               {Metric::kSelectivity, "selectivity", false},
                                               {Metric::kInfidelity, "infidelity", false},
                                               {Metric::kMaxSensitivity, "max_sensitivity", false},
                                               {Metric::kPointing, "pointing", true},
                                               {Metric::kEnergy, "energy", true}};
  return metrics;
}

const MetricInfo& find_metric(const std::string& name) {
  std::vector<std::string> names;
  for (const MetricInfo& m : all_metrics()) {
    if (name == m.name) return m;
    names.emplace_back(m.name);
  }
  std::string hint = "did you mean";
  for (const std::string& near : nearest_names(name, names)) hint += " '" + near + "'";
  throw Error(ErrorKind::kUsage, "unknown metric '" + name + "'").hint(hint);
}

PixelSpace pixel_space(const weights::Preprocess& rule) {
  PixelSpace p;
  for (std::size_t c = 0; c < static_cast<std::size_t>(rule.channels()); ++c) {
    p.black.push_back((0.0f - rule.mean[c]) / rule.std[c]);
    p.white.push_back((255.0f * rule.scale - rule.mean[c]) / rule.std[c]);
  }
  p.bgr = rule.order == weights::ColorOrder::kBgr;
  return p;
}

Measurer::Measurer(const EvaluateJob& job,
                   const weights::Package& package,
                   const RunContext& context)
    : job_(job),
      package_(package),
      context_(context),
      truth_(job.truth.empty() ? Truth() : Truth(job.truth, class_count(package.model.graph))),
      pixels_(pixel_space(package.preprocess)),
      metrics_(chosen_metrics(job)),
      explainers_(package.model,
                  job.methods,
                  job.layer.empty() ? std::vector<std::string>{} : std::vector{job.layer},
                  one_picture(package),
                  context) {
  const NodeId logits = logits_node(package.model.graph);
  (void)class_count(package.model.graph);
  const Stream stream = context.settings.stream();
  evaluator_ =
      std::make_unique<Evaluator>(package.model, EvaluatorRequest{0, logits},
                                  Evaluator::Resources{stream, context.settings.engines()});
  for (const MethodChoice& method : job.methods) {
    rows_.push_back(method.name);
    Session::Options options;
    options.layer = job.layer;
    options.engines = context.settings.engines();
    options.budget = context.settings.share_of_memory();
    again_.push_back(make_explainer(package.model, method.name, method.options, stream, options));
  }
  for (const std::string& name : baseline_names()) rows_.push_back("baseline_" + name);
}

std::optional<std::size_t> Measurer::column(Metric metric) const {
  for (std::size_t k = 0; k < metrics_.size(); ++k) {
    if (metrics_[k].metric == metric) return k;
  }
  return std::nullopt;
}

Measurer::Picture Measurer::prepare(const ImageEntry& entry) const {
  const weights::Preprocess& rule = package_.preprocess;
  const Shape want = one_picture(package_);
  const Image file = read_entry(entry);
  Picture p{resize_and_crop(file, rule), zeros(want), {}};
  if (p.seen.height != want.h || p.seen.width != want.w) {
    throw Error(ErrorKind::kShape, "picture after preprocessing")
        .at(entry.name)
        .expected(std::to_string(want.w) + "x" + std::to_string(want.h))
        .got(std::to_string(p.seen.width) + "x" + std::to_string(p.seen.height));
  }
  fill_input(p.seen, rule, p.input.ref().out(), 0);
  const PictureTruth* truth = truth_.find(entry.name);
  if (truth == nullptr) return p;
  const Rect part = seen_part(file.width, file.height, rule);
  const double across = static_cast<double>(want.w) / part.width;
  const double down = static_cast<double>(want.h) / part.height;
  for (const RealBox& b : truth->boxes) {
    // Inclusive pixels: the box ends where its last pixel does.
    const Box box{static_cast<std::int64_t>(std::floor((b.x1 - part.x) * across)),
                  static_cast<std::int64_t>(std::floor((b.y1 - part.y) * down)),
                  static_cast<std::int64_t>(std::ceil((b.x2 + 1 - part.x) * across)) - 1,
                  static_cast<std::int64_t>(std::ceil((b.y2 + 1 - part.y) * down)) - 1};
    if (box.x2 >= 0 && box.y2 >= 0 && box.x1 < want.w && box.y1 < want.h) p.boxes.push_back(box);
  }
  return p;
}

Measurer::Maps Measurer::explain(const Picture& picture, const ImageEntry& entry) {
  const Tensor& scores = explainers_.forward(picture.input);
  if (const Doubt doubt = doubt_of_values("class scores", scores.f32()))
    throw Error(ErrorKind::kInput, doubt.text);
  Maps m;
  m.target = std::ranges::max_element(scores.f32()) - scores.f32().begin();
  if (job_.label_target) {
    const PictureTruth* truth = truth_.find(entry.name);
    const auto label = entry.label ? entry.label : truth != nullptr ? truth->label : std::nullopt;
    if (!label || *label < 0 || *label >= scores.shape().c) {
      throw Error(ErrorKind::kInput, "no label of a class of the network").at(entry.name);
    }
    m.target = *label;
  }
  m.probability = class_probability(scores.f32(), m.target, class_head(package_.model.graph));
  const Shape& s = picture.input.shape();
  std::vector<Explanation> explanations = explainers_.explain({m.target});
  for (const Explanation& e : explanations) m.maps.push_back(importance(e, s.h, s.w));
  if (first_.empty()) first_ = std::move(explanations);
  const std::uint64_t number = number_of(picture.input.f32());
  for (const std::string& name : baseline_names()) {
    m.maps.push_back(
        baseline_map(find_baseline(name), picture.input, context_.settings.seed, number));
  }
  return m;
}

PictureResult Measurer::measure(const Picture& picture, const ImageEntry& entry) {
  const Maps maps = explain(picture, entry);
  PictureResult result;
  result.target = maps.target;
  result.probability = maps.probability;
  result.values.assign(
      rows_.size(), std::vector<double>(metrics_.size(), std::numeric_limits<double>::quiet_NaN()));
  curves(picture, maps, result);
  masked(picture, maps, result);
  robustness(picture, maps, result);
  localization(picture, maps, result);
  return result;
}

void Measurer::curves(const Picture& picture, const Maps& maps, PictureResult& result) {
  const Shape& s = picture.input.shape();
  CurveRequest remove = deletion(), insert = insertion(), patches = deletion();
  remove.head = insert.head = class_head(package_.model.graph);
  remove.step = insert.step = job_.step > 0 ? job_.step : kRowsAStep * s.w;
  remove.fill.kind = job_.deletion_fill;
  insert.fill.kind = job_.insertion_fill;
  patches.fill.kind = job_.deletion_fill;
  patches.patch = kPatch;
  patches.score = ScoreKind::kLogit;
  const std::int64_t count = ((s.h + kPatch - 1) / kPatch) * ((s.w + kPatch - 1) / kPatch);
  patches.step = (count + kSelectivitySteps - 1) / kSelectivitySteps;
  const auto of_deletion = column(Metric::kDeletion), of_insertion = column(Metric::kInsertion),
             of_patches = column(Metric::kSelectivity);
  struct Place {
    std::size_t row, column;
    Metric metric;
  };
  std::vector<CurveTask> tasks;
  std::vector<Place> places;
  for (std::size_t row = 0; row < maps.maps.size(); ++row) {
    const auto add = [&](const std::optional<std::size_t>& at, Metric metric,
                         const CurveRequest& request) {
      if (!at) return;
      tasks.push_back({maps.maps[row].f32(), request});
      places.push_back({row, *at, metric});
    };
    add(of_deletion, Metric::kDeletion, remove);
    add(of_insertion, Metric::kInsertion, insert);
    add(of_patches, Metric::kSelectivity, patches);
  }
  if (tasks.empty()) return;
  std::vector<PerturbationCurve> found =
      perturbation_curves(*evaluator_, picture.input, maps.target, tasks, context_.observer);
  for (std::size_t k = 0; k < found.size(); ++k) {
    const Place& place = places[k];
    double& value = result.values[place.row][place.column];
    value = found[k].area;
    if (place.metric == Metric::kSelectivity) {
      value = found[k].trapezoid / std::fabs(found[k].score.front());
    } else {
      auto& to = place.metric == Metric::kDeletion ? result.deletion : result.insertion;
      to.resize(rows_.size());
      to[place.row] = std::move(found[k].score);
    }
  }
}

void Measurer::masked(const Picture& picture, const Maps& maps, PictureResult& result) {
  const auto drop = column(Metric::kAverageDrop), increase = column(Metric::kIncrease);
  if (!drop && !increase) return;
  std::vector<std::span<const float>> of;
  for (const Tensor& map : maps.maps) of.push_back(map.f32());
  const auto scores = masked_scores(*evaluator_, picture.input, maps.target, of, context_.observer,
                                    class_head(package_.model.graph));
  for (std::size_t row = 0; row < scores.size(); ++row) {
    if (drop) result.values[row][*drop] = scores[row].drop();
    if (increase) result.values[row][*increase] = scores[row].increased() ? 1.0 : 0.0;
  }
}

void Measurer::robustness(const Picture& picture, const Maps& maps, PictureResult& result) {
  if (const auto at = column(Metric::kInfidelity)) {
    InfidelityOptions options;
    options.samples = job_.infidelity_samples;
    options.seed = context_.settings.seed;
    for (std::size_t row = 0; row < maps.maps.size(); ++row) {
      result.values[row][*at] =
          infidelity(*evaluator_, picture.input, maps.target, maps.maps[row].f32(), pixels_,
                     options, context_.observer);
    }
  }
  if (const auto at = column(Metric::kMaxSensitivity)) {
    const MaxSensitivityOptions options{job_.radius, job_.sensitivity_samples, kExplainedAtOnce,
                                        context_.settings.seed};
    for (std::size_t row = 0; row < again_.size(); ++row) {
      result.values[row][*at] = max_sensitivity(again_[row], picture.input, maps.target, pixels_,
                                                options, context_.observer);
    }
  }
}

void Measurer::localization(const Picture& picture, const Maps& maps, PictureResult& result) const {
  const auto point = column(Metric::kPointing), energy = column(Metric::kEnergy);
  if (picture.boxes.empty() || (!point && !energy)) return;
  const auto height = static_cast<int>(picture.input.shape().h);
  const auto width = static_cast<int>(picture.input.shape().w);
  const ByteMap region = mask_of(picture.boxes, height, width);
  for (std::size_t row = 0; row < maps.maps.size(); ++row) {
    const Map map{maps.maps[row].f32(), height, width};
    if (point) result.values[row][*point] = points_at(map, region) ? 1.0 : 0.0;
    if (energy) result.values[row][*energy] = energy_inside(map, region);
  }
}

std::vector<SanityCurve> Measurer::check_sanity(const Tensor& inputs,
                                                std::span<const std::int64_t> targets) {
  SanityRequest request;
  request.cascading = !job_.independent;
  request.kind = job_.kind;
  request.seed = context_.settings.seed;
  const std::vector<NodeId> layers = layers_to_randomize(package_.model.graph);
  const std::size_t groups = std::min(
      layers.size(), static_cast<std::size_t>(std::max<std::int64_t>(1, job_.sanity_steps)));
  for (std::size_t k = 0; k < groups; ++k) {
    const auto begin = layers.begin() + static_cast<std::ptrdiff_t>(k * layers.size() / groups);
    const auto end = layers.begin() + static_cast<std::ptrdiff_t>((k + 1) * layers.size() / groups);
    request.steps.emplace_back(begin, end);
  }
  Session::Options options;
  options.layer = job_.layer;
  options.engines = context_.settings.engines();
  options.budget = context_.settings.share_of_memory();
  std::vector<SanityCurve> curves;
  std::vector<std::string> names;  // of the steps
  for (const MethodChoice& method : job_.methods) {
    const auto steps =
        sanity_check(package_.model, method.name, method.options, inputs, targets, request,
                     context_.settings.stream(), options, context_.observer);
    SanityCurve& curve = curves.emplace_back();
    for (const SanityStep& step : steps)
      add_similarities(curve, step.layers.back(), step.similarity);
    names = curve.layers;
  }
  const Shape s = one_picture(package_);
  const auto size = static_cast<std::size_t>(s.c * s.plane());
  const auto height = static_cast<int>(s.h), width = static_cast<int>(s.w);
  for (const std::string& name : baseline_names()) {
    std::vector<MapSimilarity> similarity;
    for (std::size_t n = 0; n < targets.size(); ++n) {
      const Tensor x = tensor_of(s, inputs.f32().subspan(n * size, size));
      const Baseline baseline = find_baseline(name);
      const Tensor before = baseline_map(baseline, x, context_.settings.seed, 2 * n);
      const Tensor after = baseline_map(baseline, x, context_.settings.seed, 2 * n + 1);
      similarity.push_back(
          compare_maps({before.f32(), height, width}, {after.f32(), height, width}));
    }
    SanityCurve& curve = curves.emplace_back();
    for (const std::string& step : names) add_similarities(curve, step, similarity);
  }
  return curves;
}

std::vector<Explainer> Measurer::explainers() const {
  std::vector<Explainer> all = again_;
  for (const std::string& name : baseline_names()) {
    all.push_back([this, name](const Tensor& pictures, std::span<const std::int64_t>) {
      Shape s = pictures.shape();
      Tensor maps = zeros({s.n, 1, s.h, s.w});
      const auto size = static_cast<std::size_t>(s.c * s.plane());
      const auto plane = static_cast<std::size_t>(s.plane());
      const auto count = static_cast<std::size_t>(s.n);
      s.n = 1;
      for (std::size_t n = 0; n < count; ++n) {
        const Tensor x = tensor_of(s, pictures.f32().subspan(n * size, size));
        std::ranges::copy(
            baseline_map(find_baseline(name), x, context_.settings.seed, number_of(x.f32())).f32(),
            maps.f32().begin() + static_cast<std::ptrdiff_t>(n * plane));
      }
      return maps;
    });
  }
  return all;
}

}  // namespace cutaway::explain
