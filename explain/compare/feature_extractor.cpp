#include "explain/compare/feature_extractor.h"

#include <algorithm>
#include <string>

#include "explain/network.h"
#include "explain/tensor_math.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

bool wants_mask(const FeatureRequest& request) {
  return request.with_masks || needs_mask(request.representation);
}

void append_row(FeatureMatrix& to, std::int64_t columns) {
  to.columns = columns;
  ++to.rows;
  try {
    to.values.resize(static_cast<std::size_t>(to.rows * columns));
  } catch (const std::exception&) {
    throw Error(ErrorKind::kMemory, "features of several pictures")
        .got(std::to_string(to.rows) + " pictures of " + std::to_string(columns) + " numbers")
        .hint("take fewer pictures, a deeper layer, or a pooled representation such as gap");
  }
}

}  // namespace

FeatureExtractor::FeatureExtractor(const Model& model,
                                   std::vector<FeatureRequest> requests,
                                   const Evaluator::Resources& resources,
                                   std::int64_t batch)
    : logits_(logits_node(model.graph)) {
  if (requests.empty()) throw Error(ErrorKind::kUsage, "features of no layer");
  if (batch < 1) throw Error(ErrorKind::kUsage, "batch").expected("at least 1");
  PlanRequest plan;
  plan.input = model.graph.node(0).shape;
  plan.input.n = batch;
  plan.output = logits_;
  plan.engines = resources.engines;
  plan.guard = false;
  for (const FeatureRequest& request : requests) {
    if (request.layer != 0) plan.taps.push_back(request.layer);
    plan.output = std::max(plan.output, request.layer);
    features_.push_back({request, model.graph.node(request.layer).shape, {}, {}});
  }
  plan.taps.push_back(logits_);
  std::ranges::sort(plan.taps);
  plan.taps.erase(std::unique(plan.taps.begin(), plan.taps.end()), plan.taps.end());
  executor_ = std::make_unique<Executor>(model, plan, resources.stream);
  input_ = zeros(plan.input);
  if (std::ranges::any_of(requests, wants_mask)) {
    std::vector<MethodPtr> methods;
    methods.push_back(make_method(cam_head(model.graph).has_value() ? "cam" : "gradcam"));
    Session::Options options;
    options.engines = resources.engines;
    options.budget = resources.budget;
    masks_ =
        std::make_unique<Session>(model, std::move(methods), plan.input, resources.stream, options);
  }
}

void FeatureExtractor::check_pictures(const Shape& s) const {
  const Shape& in = input_.shape();
  if (s.n < 1 || s.n > in.n || s.c != in.c || s.h != in.h || s.w != in.w) {
    throw Error(ErrorKind::kShape, "pictures to compare")
        .expected("at most " + to_string(in))
        .got(to_string(s));
  }
}

std::vector<float> FeatureExtractor::last_rows(std::int64_t n) const {
  std::vector<float> rows;
  for (const LayerFeatures& f : features_) {
    if (f.request.layer == 0) continue;
    for (const FeatureMatrix* m : {&f.vectors, &f.masks}) {
      if (m->rows < n) continue;
      const auto size = static_cast<std::ptrdiff_t>(n * m->columns);
      rows.insert(rows.end(), m->values.end() - size, m->values.end());
    }
  }
  return rows;
}

void FeatureExtractor::add_known(const Tensor& pictures, std::span<const float> rows) {
  check_pictures(pictures.shape());
  const std::int64_t n = pictures.shape().n;
  const auto take = [&](FeatureMatrix& to, std::int64_t columns) {
    for (std::int64_t i = 0; i < n; ++i) {
      if (rows.size() < static_cast<std::size_t>(columns))
        throw Error(ErrorKind::kShape, "known vectors of pictures").at("too few");
      append_row(to, columns);
      std::ranges::copy(rows.first(static_cast<std::size_t>(columns)), to.row(to.rows - 1).begin());
      rows = rows.subspan(static_cast<std::size_t>(columns));
    }
  };
  for (LayerFeatures& f : features_) {
    if (f.request.layer == 0) {
      for (std::int64_t i = 0; i < n; ++i) add_row(f, pictures, i, {});
      continue;
    }
    take(f.vectors, representation_size(f.request.representation, f.maps));
    if (f.request.with_masks) take(f.masks, f.maps.plane());
  }
  if (!rows.empty()) throw Error(ErrorKind::kShape, "known vectors of pictures").at("too many");
}

void FeatureExtractor::add(const Tensor& pictures, std::span<const std::int64_t> classes) {
  check_pictures(pictures.shape());
  const Shape& s = pictures.shape();
  const Shape& in = input_.shape();
  if (!classes.empty() && static_cast<std::int64_t>(classes.size()) != s.n) {
    throw Error(ErrorKind::kUsage, "classes of pictures")
        .expected(std::to_string(s.n))
        .got(std::to_string(classes.size()));
  }
  // Behind the last picture stands what an earlier batch left; it is computed and not read.
  std::ranges::copy(pictures.f32(), input_.f32().begin());
  executor_->set_input(input_);
  executor_->forward();
  const Tensor logits = executor_->read(executor_->value(logits_));
  std::vector<std::int64_t> targets(static_cast<std::size_t>(in.n), 0);
  for (std::int64_t n = 0; n < s.n; ++n) {
    predictions_.push_back(arg_max(logits, n));
    targets[static_cast<std::size_t>(n)] =
        classes.empty() ? predictions_.back() : classes[static_cast<std::size_t>(n)];
  }
  Tensor maps_of_class;
  if (masks_) {
    (void)masks_->forward(input_.clone());
    maps_of_class = std::move(masks_->explain(targets).at(0).map);
  }
  for (LayerFeatures& f : features_) {
    const bool pixels = f.request.layer == 0;
    const Tensor read = pixels ? Tensor() : executor_->read(executor_->value(f.request.layer));
    const Tensor& maps = pixels ? input_ : read;
    const Tensor resized =
        wants_mask(f.request) ? upsample(maps_of_class, maps.shape().h, maps.shape().w) : Tensor();
    for (std::int64_t n = 0; n < s.n; ++n) add_row(f, maps, n, resized);
  }
}

void FeatureExtractor::add_row(LayerFeatures& to,
                               const Tensor& maps,
                               std::int64_t n,
                               const Tensor& class_maps) {
  std::vector<float> mask;
  if (!class_maps.empty()) {
    const auto plane = static_cast<std::size_t>(maps.shape().plane());
    mask = class_mask(class_maps.f32().subspan(static_cast<std::size_t>(n) * plane, plane),
                      to.request.representation == Representation::kCamHard);
  }
  append_row(to.vectors, representation_size(to.request.representation, maps.shape()));
  represent(maps, n, to.request.representation, mask, to.vectors.row(to.vectors.rows - 1));
  if (to.request.with_masks) {
    append_row(to.masks, maps.shape().plane());
    std::ranges::copy(mask, to.masks.row(to.masks.rows - 1).begin());
  }
}

}  // namespace cutaway::explain
