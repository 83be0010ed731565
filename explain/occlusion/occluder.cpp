#include "explain/occlusion/occluder.h"

#include <algorithm>
#include <map>

#include "runtime/error.h"
#include "runtime/parallel.h"

namespace cutaway::explain {
namespace {

// Patches are small: many at a time fill the convolutions' tiles and share the reading of fully
// connected weights.
constexpr std::int64_t kMostPatches = 64;
// Below this saving, cutting windows costs more than it saves.
constexpr double kWorthIt = 0.85;

/// Copies the window of `image` that begins at (row, column) and is as large as `patch`; 0 outside,
/// and `fill` where `painted` lies.
void paint_window(std::span<const float> image,
                  const Shape& plane,
                  const Region& painted,
                  std::span<const float> fill,
                  std::int64_t row,
                  std::int64_t column,
                  const Shape& window,
                  std::span<float> patch) {
  for (std::int64_t c = 0; c < window.c; ++c) {
    for (std::int64_t i = 0; i < window.h; ++i) {
      float* out = patch.data() + (c * window.h + i) * window.w;
      const std::int64_t r = row + i;
      if (r < 0 || r >= plane.h) {
        std::fill_n(out, window.w, 0.0f);
        continue;
      }
      const float* in = image.data() + (c * plane.h + r) * plane.w;
      for (std::int64_t j = 0; j < window.w; ++j) {
        const std::int64_t q = column + j;
        out[j] = q >= 0 && q < plane.w ? in[q] : 0.0f;
      }
      if (r < painted.rows.first || r > painted.rows.last) continue;
      const std::int64_t first = std::max<std::int64_t>(0, painted.columns.first - column);
      const std::int64_t last = std::min(window.w - 1, painted.columns.last - column);
      for (std::int64_t j = first; j <= last; ++j) out[j] = fill[static_cast<std::size_t>(c)];
    }
  }
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
    : model_(model),
      output_(output),
      resources_(resources),
      regions_(std::move(regions)),
      shape_(model.graph.node(0).shape) {
  check(!regions_.empty(), "an occluder without regions");
  if (passes != Passes::kFull) {
    try {
      groups_ = grouped();
    } catch (const Error& error) {
      if (passes == Passes::kRegional || error.kind() != ErrorKind::kUnsupported) throw;
    }
  }
  double macs = 0.0;
  for (const Group& group : groups_) {
    macs += static_cast<double>(group.regional->model().graph.macs()) *
            static_cast<double>(group.members.size());
  }
  work_ = macs / static_cast<double>(regions_.size()) /
          static_cast<double>(std::max<std::int64_t>(1, model.graph.macs()));
  if (passes == Passes::kAutomatic && work_ > kWorthIt) groups_.clear();
  if (groups_.empty()) {
    work_ = 1.0;
    EvaluatorRequest request;
    request.output = output;
    evaluator_ = std::make_unique<Evaluator>(model, request, resources_);
    return;
  }
  PlanRequest full;
  full.output = output_;
  full.engines = resources_.engines;
  full.guard = false;
  for (Group& group : groups_) {
    make_executor(group);
    for (const NodeId source : group.regional->sources()) {
      if (std::ranges::find(full.taps, source) == full.taps.end()) full.taps.push_back(source);
    }
  }
  full_ = std::make_unique<Executor>(model_, full, resources_.stream);
}

int Occluder::threads() const {
  const auto* cpu = std::get_if<CpuStream>(&resources_.stream);
  return cpu != nullptr ? cpu->threads() : 1;
}

std::vector<Occluder::Group> Occluder::grouped() const {
  // A region in the middle reaches everything above a few layers, one in a corner a quarter of that. More rings than
  // this make batches small.
  const std::int64_t rings = regions_.size() >= 200 ? 4 : regions_.size() >= 50 ? 2 : 1;
  const auto ring = [&](const Span& span, std::int64_t extent) {
    const std::int64_t from_border = std::min(span.first, extent - 1 - span.last);
    return std::clamp<std::int64_t>(2 * rings * from_border / extent, 0, rings - 1);
  };
  std::map<std::pair<std::int64_t, std::int64_t>, Group> by_ring;
  for (std::size_t i = 0; i < regions_.size(); ++i) {
    const Region& r = regions_[i];
    by_ring[{ring(r.rows, shape_.h), ring(r.columns, shape_.w)}].members.push_back(i);
  }
  std::vector<Group> groups;
  for (auto& [key, group] : by_ring) {
    std::vector<Region> members;
    for (const std::size_t i : group.members) members.push_back(regions_[i]);
    group.regional =
        std::make_unique<RegionalModel>(RegionalModel::affected(model_, members, output_));
    groups.push_back(std::move(group));
  }
  return groups;
}

void Occluder::make_executor(Group& group) {
  const Graph& graph = group.regional->model().graph;
  PlanRequest request;
  request.engines = resources_.engines;
  request.guard = false;
  request.input = graph.node(0).shape;
  const std::size_t each =
      Plan::build(graph, request, device_of(resources_.stream), threads()).arena_bytes();
  const auto fits = static_cast<std::int64_t>(resources_.budget / std::max<std::size_t>(1, each));
  const auto count = static_cast<std::int64_t>(group.members.size());
  const std::int64_t most = std::clamp<std::int64_t>(fits, 1, kMostPatches);
  const std::int64_t batches = (count + most - 1) / most;
  request.input.n = (count + batches - 1) / batches;
  group.executor =
      std::make_unique<Executor>(group.regional->model(), request, resources_.stream);
  group.input = zeros(request.input);
}

void Occluder::run(std::span<const float> image, std::span<const float> fill, const Take& take) {
  check(static_cast<std::int64_t>(image.size()) == shape_.c * shape_.plane() &&
            static_cast<std::int64_t>(fill.size()) == shape_.c,
        "an image and a fill value a channel");
  if (!groups_.empty()) {
    run_regional(image, fill, take);
  } else {
    run_full(image, fill, take);
  }
}

void Occluder::run_regional(std::span<const float> image,
                            std::span<const float> fill,
                            const Take& take) {
  full_->set_input(tensor_of(shape_, image));
  full_->forward();
  const std::int64_t classes = full_->output().shape().c;
  Tensor scores = zeros({static_cast<std::int64_t>(regions_.size()), classes, 1, 1});
  for (Group& group : groups_) {
    group.regional->bind(*full_);
    run_group(group, image, fill, scores);
  }
  for (std::size_t i = 0; i < regions_.size(); ++i) {
    take(static_cast<std::int64_t>(i),
         scores.f32().subspan(i * static_cast<std::size_t>(classes), static_cast<std::size_t>(classes)));
  }
}

void Occluder::run_group(Group& group,
                         std::span<const float> image,
                         std::span<const float> fill,
                         Tensor& scores) {
  Shape window = group.input.shape();
  const auto batch = static_cast<std::size_t>(window.n);
  window.n = 1;
  const auto size = static_cast<std::size_t>(window.count());
  const auto classes = static_cast<std::size_t>(scores.shape().c);
  const std::size_t count = group.members.size();
  for (std::size_t first = 0; first < count; first += batch) {
    std::vector<Region> here;
    for (std::size_t i = 0; i < batch; ++i) {  // the last batch is filled up with the last region
      here.push_back(regions_[group.members[std::min(first + i, count - 1)]]);
    }
    const auto places = group.regional->place(here, group.executor->stream());
    parallel_for(threads(), static_cast<std::int64_t>(batch), 1, [&](std::int64_t from, std::int64_t to) {
      for (auto i = static_cast<std::size_t>(from); i < static_cast<std::size_t>(to); ++i) {
        paint_window(image, shape_, here[i], fill, places[i].input_row, places[i].input_column,
                     window, group.input.f32().subspan(i * size, size));
      }
    });
    group.executor->set_input(group.input);
    group.executor->forward();
    const Tensor got = group.executor->read(group.executor->output());
    for (std::size_t i = 0; i < std::min(batch, count - first); ++i) {
      std::ranges::copy(got.f32().subspan(i * classes, classes),
                        scores.f32().subspan(group.members[first + i] * classes, classes).begin());
    }
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
