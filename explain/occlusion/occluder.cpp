#include "explain/occlusion/occluder.h"

#include <algorithm>

#include "layers/tail.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

// Below this saving, cutting windows costs more than it saves.
constexpr double kWorthIt = 0.85;
// Rows of features that go through the fully connected layers at a time (VGG-16's fc6 reads 411 MB
// a batch).
constexpr std::int64_t kHeadBatch = 64;

/// What the first fully connected layer below `output` reads, if all that is above depends on
/// nothing else; otherwise `output` itself.
NodeId features_of(const Model& model, NodeId output) {
  const Graph& graph = model.graph;
  for (NodeId id = 1; id <= output; ++id) {
    if (graph.node(id).layer->kind() != LayerKind::kDense) continue;
    const NodeId features = graph.node(id).inputs[0];
    if (features == 0) return output;
    try {
      (void)tail_of(model, features, output);
      return features;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kUnsupported) throw;
    }
  }
  return output;
}

}  // namespace

std::vector<std::int64_t> window_positions(std::int64_t extent,
                                           std::int64_t size,
                                           std::int64_t stride) {
  if (size < 1 || size > extent || stride < 1) {
    throw Error(ErrorKind::kUsage, "window of the occluder")
        .expected("a size of 1 to " + std::to_string(extent) + " pixels and a stride of 1 or more")
        .got("size " + std::to_string(size) + ", stride " + std::to_string(stride));
  }
  std::vector<std::int64_t> positions;
  for (std::int64_t p = 0; p + size <= extent; p += stride) positions.push_back(p);
  if (positions.back() + size < extent) positions.push_back(extent - size);
  return positions;
}

std::vector<Region> window_grid(const Shape& image, std::int64_t size, std::int64_t stride) {
  std::vector<Region> regions;
  for (const std::int64_t r : window_positions(image.h, size, stride)) {
    for (const std::int64_t c : window_positions(image.w, size, stride)) {
      regions.push_back({{r, r + size - 1}, {c, c + size - 1}});
    }
  }
  return regions;
}

Occluder::Occluder(const Model& model,
                   NodeId output,
                   const Evaluator::Resources& resources,
                   std::vector<Region> regions,
                   Passes passes)
    : resources_(resources), regions_(std::move(regions)), shape_(model.graph.node(0).shape) {
  check(!regions_.empty(), "an occluder without regions");
  if (passes != Passes::kFull) {
    try {
      const NodeId features = features_of(model, output);
      regional_ = std::make_unique<RegionalOccluder>(model, features, resources_, regions_);
      make_head(model, features, output);
    } catch (const Error& error) {
      if (passes == Passes::kRegional || error.kind() != ErrorKind::kUnsupported) throw;
    }
  }
  if (regional_) {
    const double head = head_model_ ? static_cast<double>(head_model_->graph.macs()) : 0.0;
    work_ = (regional_->macs() + head) /
            static_cast<double>(std::max<std::int64_t>(1, model.graph.macs()));
    if (passes == Passes::kAutomatic && work_ > kWorthIt) regional_.reset();
  }
  if (!regional_) {
    work_ = 1.0;
    EvaluatorRequest request;
    request.output = output;
    evaluator_ = std::make_unique<Evaluator>(model, request, resources_);
    evaluator_->set_task("occlusion");
  }
}

void Occluder::make_head(const Model& model, NodeId features, NodeId output) {
  Shape row = model.graph.node(features).shape;
  row.n = 1;
  // As many regions as half of the budget holds features of; a whole number of the head's batches.
  const auto bytes = static_cast<std::size_t>(row.count()) * sizeof(float);
  const auto fit = static_cast<std::int64_t>(resources_.budget / 2 / bytes);
  const auto count = static_cast<std::int64_t>(regions_.size());
  row.n = std::min(count, std::max<std::int64_t>(kHeadBatch, fit / kHeadBatch * kHeadBatch));
  features_ = zeros(row);
  if (features == output) return;
  Tail tail = tail_of(model, features, output);
  head_model_ = std::make_unique<Model>(std::move(tail.model));
  PlanRequest request;
  request.input = row;
  request.input.n = std::min(count, kHeadBatch);
  request.engines = resources_.engines;
  request.guard = false;
  head_ = std::make_unique<Executor>(*head_model_, request, resources_.stream);
  cancel_ = std::make_unique<CancelOnly>(*resources_.observer);
  head_->set_observer(*cancel_);
}

void Occluder::run(std::span<const float> image, std::span<const float> fill, const Take& take) {
  check(static_cast<std::int64_t>(image.size()) == shape_.c * shape_.plane() &&
            static_cast<std::int64_t>(fill.size()) == shape_.c,
        "an image and a fill value a channel");
  if (regional_) {
    run_regional(image, fill, take);
  } else {
    run_full(image, fill, take);
  }
}

void Occluder::run_regional(std::span<const float> image,
                            std::span<const float> fill,
                            const Take& take) {
  regional_->bind(image, fill);
  const std::size_t count = regions_.size();
  const Shape& row = features_.shape();
  const auto slab = static_cast<std::size_t>(row.n);
  const std::size_t size = features_.f32().size() / slab;
  std::vector<std::size_t> place(count);  // of a region in the order of the groups
  for (std::size_t i = 0; i < count; ++i) place[regional_->order()[i]] = i;
  Tensor scores;
  for (std::size_t first = 0; first < count; first += slab) {
    const std::size_t here = std::min(slab, count - first);
    regional_->run(first, first + here, [&](std::size_t region, std::span<const float> values) {
      std::ranges::copy(values, features_.f32().begin() +
                                    static_cast<std::ptrdiff_t>((place[region] - first) * size));
    });
    run_head(first, here, scores);
  }
  const std::size_t classes = scores.f32().size() / count;
  for (std::size_t i = 0; i < count; ++i) {
    take(static_cast<std::int64_t>(i), scores.f32().subspan(place[i] * classes, classes));
  }
}

/// Scores of the `count` rows of features in hand, into rows first, first + 1, ... of `scores`.
void Occluder::run_head(std::size_t first, std::size_t count, Tensor& scores) {
  const auto rows = [&](const Tensor& from, std::size_t begin, std::size_t n, std::size_t to) {
    const std::size_t size = from.f32().size() / static_cast<std::size_t>(from.shape().n);
    if (scores.empty())
      scores = zeros(
          {static_cast<std::int64_t>(regions_.size()), static_cast<std::int64_t>(size), 1, 1});
    std::ranges::copy(from.f32().subspan(begin * size, n * size),
                      scores.f32().begin() + static_cast<std::ptrdiff_t>(to * size));
  };
  if (!head_) {
    rows(features_, 0, count, first);
    return;
  }
  Tensor input = zeros(head_->plan().request().input);
  const auto batch = static_cast<std::size_t>(input.shape().n);
  const std::size_t size = input.f32().size() / batch;
  for (std::size_t at = 0; at < count; at += batch) {
    const std::size_t n = std::min(batch, count - at);
    std::ranges::copy(features_.f32().subspan(at * size, n * size), input.f32().begin());
    head_->set_input(input);
    head_->forward();
    rows(head_->read(head_->output()), 0, n, first + at);
  }
}

void Occluder::run_full(std::span<const float> image,
                        std::span<const float> fill,
                        const Take& take) {
  evaluator_->run(
      static_cast<std::int64_t>(regions_.size()),
      [&](std::int64_t i, std::span<float> values) {
        paint_window(image, shape_, regions_[static_cast<std::size_t>(i)], fill, 0, 0, shape_,
                     values);
      },
      [&](const Evaluator::Batch& b) {
        for (std::int64_t i = 0; i < b.count; ++i) take(b.first + i, b.scores(i));
      });
}

}  // namespace cutaway::explain
