#include "explain/localization/run/finder.h"

#include <algorithm>
#include <chrono>
#include <exception>

#include "explain/class_probability.h"
#include "explain/localization/run/draw.h"
#include "explain/pictures/preprocess.h"
#include "explain/scores.h"
#include "runtime/error.h"
#include "runtime/stopwatch.h"

namespace cutaway::explain {
namespace {

Shape batch_shape(const LocalizeJob& job, const weights::Package& package) {
  Shape shape = package.model.graph.node(0).shape;
  shape.n = job.batch;
  return shape;
}

}  // namespace

std::size_t Located::true_class() const {
  return static_cast<std::size_t>(
      std::ranges::find_if(classes, [&](const Class& c) { return label && c.label == *label; }) -
      classes.begin());
}

BoxFinder::BoxFinder(const LocalizeJob& job,
                     const weights::Package& package,
                     const Truth& truth,
                     const RunContext& context)
    : job_(job),
      package_(package),
      truth_(truth),
      context_(context),
      shape_(batch_shape(job, package)),
      explainers_(package.model,
                  job.methods,
                  job.layer.empty() ? std::vector<std::string>{} : std::vector{job.layer},
                  shape_,
                  context,
                  job.crops ? std::optional(job.crops->plan) : std::nullopt) {}

void BoxFinder::load(std::vector<Located>& pictures, Tensor& input) {
  const weights::Preprocess& rule = job_.crops ? job_.crops->frame : package_.preprocess;
  const std::int64_t side = job_.crops ? job_.crops->plan.frame : 0;
  const int threads = CpuStream(context_.settings.threads).threads();
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    Located& p = pictures[i];
    try {
      PictureMemory::Claim claim;
      ReadOptions reading;
      reading.claim = &claim;
      const Image file = read_entry(p.entry, reading);
      const Image seen = resize_and_crop(file, rule);
      const auto row = static_cast<std::int64_t>(i);
      if (job_.crops) {
        check(seen.width == side && seen.height == side, "a frame of another size");
        fill_crops(seen, *job_.crops, input.ref().out(), row);
      } else {
        fill_input(seen, rule, input.ref().out(), row);
      }
      p.scene.emplace(file, rule, static_cast<int>(job_.work_side));
    } catch (const std::exception& error) {
      p.error = error.what();
    }
    p.entry.bytes.reset();
    p.entry.stored.reset();
  }
}

void BoxFinder::rank(std::vector<Located>& pictures, const Tensor& scores) const {
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    Located& p = pictures[i];
    if (!p.error.empty()) continue;
    const auto classes = static_cast<std::size_t>(scores.shape().c);
    const auto own = scores.f32().subspan(i * classes, classes);
    if (const Doubt doubt = doubt_of_values("class scores", own)) {
      p.error = p.entry.name + ": " + doubt.text;
      continue;
    }
    const std::vector<double> probability =
        class_probabilities(own, class_head(package_.model.graph));
    for (const std::int64_t c : top(probability, static_cast<std::size_t>(job_.top))) {
      p.classes.push_back({c, probability[static_cast<std::size_t>(c)]});
    }
    p.ranked = p.classes.size();
    p.label = p.entry.label;
    if (const PictureTruth* truth = truth_.find(p.entry.name)) {
      if (truth->label) p.label = truth->label;
      p.truth = truth->boxes;
    }
    const bool known = p.label && *p.label < static_cast<std::int64_t>(probability.size());
    if (known && !p.truth.empty() && p.true_class() == p.classes.size()) {
      p.classes.push_back({*p.label, probability[static_cast<std::size_t>(*p.label)]});
    }
    const std::size_t rows = job_.methods.size() * job_.rules.size();
    p.found.assign(rows, std::vector<Located::Found>(p.classes.size()));
    if (known && !p.truth.empty() && job_.curves) p.hits.resize(job_.methods.size());
  }
}

void BoxFinder::find_in(Located& p,
                        std::size_t n,
                        std::size_t of_class,
                        const Explanation& e,
                        std::size_t method,
                        bool draw) const {
  const Shape& s = e.map.shape();
  const auto plane = static_cast<std::size_t>(s.plane());
  const Map raw{e.map.f32().subspan(n * plane, plane), static_cast<int>(s.h),
                static_cast<int>(s.w)};
  const std::vector<float> large = p.scene->enlarge(raw, job_.resample);
  const Image& picture = p.scene->picture();
  const Map map{large, picture.height, picture.width};
  for (std::size_t r = 0; r < job_.rules.size(); ++r) {
    const RuleChoice& rule = job_.rules[r];
    const FoundBoxes found = find_boxes(rule.rule, map, picture, rule.options);
    Located::Found& out = p.found[method * job_.rules.size() + r][of_class];
    out.fallback = found.fallback;
    for (const Box& box : found.boxes) out.boxes.push_back(p.scene->in_file(box));
    if (draw) out.drawn = draw_boxes(*p.scene, map, e.kind, out.boxes, p.truth);
  }
  if (!p.hits.empty() && of_class == p.true_class()) {
    constexpr int kSide = 224;
    p.hits[method] = box_hits(raw, p.scene->scaled(p.truth, kSide), kSide);
  }
}

void BoxFinder::find(std::vector<Located>& pictures,
                     const std::vector<std::optional<std::size_t>>& classes,
                     const std::vector<Explanation>& maps,
                     std::size_t draw) {
  const int threads = CpuStream(context_.settings.threads).threads();
  std::exception_ptr failure;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads) collapse(2)
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    for (std::size_t m = 0; m < maps.size(); ++m) {
      if (!classes[i]) continue;
      try {
        find_in(pictures[i], i, *classes[i], maps[m], m, i < draw);
      } catch (...) {
#pragma omp critical
        failure = std::current_exception();
      }
    }
  }
  if (failure) std::rethrow_exception(failure);
}

void BoxFinder::locate(std::vector<Located>& pictures, std::size_t draw) {
  Shape rows = shape_;
  if (job_.crops) rows.n *= kTenCrops;
  Tensor input = zeros(rows);
  load(pictures, input);
  auto start = Clock::now();
  rank(pictures, explainers_.forward(input));
  explain_seconds_ += seconds_since(start);
  std::size_t most = 0;
  for (const Located& p : pictures) most = std::max(most, p.classes.size());
  for (std::size_t k = 0; k < most; ++k) {
    throw_if_cancelled(context_.observer);
    std::vector<std::int64_t> targets(static_cast<std::size_t>(shape_.n), 0);
    std::vector<std::optional<std::size_t>> classes(pictures.size());
    for (std::size_t i = 0; i < pictures.size(); ++i) {
      if (k >= pictures[i].classes.size()) continue;
      classes[i] = k;
      targets[i] = pictures[i].classes[k].label;
    }
    start = Clock::now();
    std::vector<Explanation> maps = explainers_.explain(targets);
    explain_seconds_ += seconds_since(start);
    for (const Explanation& e : maps) {
      if (e.map.shape().c == 1) continue;
      throw Error(ErrorKind::kUnsupported, "boxes need maps of one channel")
          .at(e.method)
          .got(std::to_string(e.map.shape().c) + " channels")
          .hint("saliency, cam, gradcam and others of their kind");
    }
    start = Clock::now();
    find(pictures, classes, maps, draw);
    box_seconds_ += seconds_since(start);
    if (first_.empty()) first_ = std::move(maps);
  }
}

}  // namespace cutaway::explain
