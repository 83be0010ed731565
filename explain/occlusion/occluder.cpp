#include "explain/occlusion/occluder.h"

#include <algorithm>

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
      regional_ = std::make_unique<RegionalModel>(RegionalModel::affected(model, regions_, output));
      work_ = static_cast<double>(regional_->model().graph.macs()) /
              static_cast<double>(std::max<std::int64_t>(1, model.graph.macs()));
      if (passes == Passes::kAutomatic && work_ > kWorthIt) regional_.reset();
    } catch (const Error& error) {
      if (passes == Passes::kRegional || error.kind() != ErrorKind::kUnsupported) throw;
    }
  }
  if (regional_) {
    make_executors();
    return;
  }
  work_ = 1.0;
  EvaluatorRequest request;
  request.output = output;
  evaluator_ = std::make_unique<Evaluator>(model, request, resources_);
}

void Occluder::make_executors() {
  PlanRequest full;
  full.output = output_;
  full.taps = regional_->sources();
  full.engines = resources_.engines;
  full.guard = false;
  full_ = std::make_unique<Executor>(model_, full, resources_.stream);
  PlanRequest sub;
  sub.engines = resources_.engines;
  sub.guard = false;
  sub.input = regional_->model().graph.node(0).shape;
  const Device device = device_of(resources_.stream);
  const auto* cpu = std::get_if<CpuStream>(&resources_.stream);
  const std::size_t each =
      Plan::build(regional_->model().graph, sub, device, cpu != nullptr ? cpu->threads() : 1)
          .arena_bytes();
  const auto fits = static_cast<std::int64_t>(resources_.budget / std::max<std::size_t>(1, each));
  const auto count = static_cast<std::int64_t>(regions_.size());
  const std::int64_t most = std::clamp<std::int64_t>(fits, 1, kMostPatches);
  const std::int64_t batches = (count + most - 1) / most;
  sub.input.n = (count + batches - 1) / batches;
  sub_ = std::make_unique<Executor>(regional_->model(), sub, resources_.stream);
  input_ = zeros(sub.input);
}

void Occluder::run(std::span<const float> image, std::span<const float> fill, const Take& take) {
  check(static_cast<std::int64_t>(image.size()) == shape_.c * shape_.plane() &&
            static_cast<std::int64_t>(fill.size()) == shape_.c,
        "an image and a fill value a channel");
  if (sub_) {
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
  regional_->bind(*full_);
  Shape window = input_.shape();
  const std::int64_t batch = window.n;
  window.n = 1;
  const auto size = static_cast<std::size_t>(window.count());
  const auto count = static_cast<std::int64_t>(regions_.size());
  const auto* cpu = std::get_if<CpuStream>(&resources_.stream);
  for (std::int64_t first = 0; first < count; first += batch) {
    std::vector<Region> here;
    for (std::int64_t i = 0; i < batch; ++i) {  // the last batch is filled up with the last region
      here.push_back(regions_[static_cast<std::size_t>(std::min(first + i, count - 1))]);
    }
    const auto places = regional_->place(here, sub_->stream());
    parallel_for(
        cpu != nullptr ? cpu->threads() : 1, batch, 1, [&](std::int64_t from, std::int64_t to) {
          for (auto i = static_cast<std::size_t>(from); i < static_cast<std::size_t>(to); ++i) {
            paint_window(image, shape_, here[i], fill, places[i].input_row, places[i].input_column,
                         window, input_.f32().subspan(i * size, size));
          }
        });
    sub_->set_input(input_);
    sub_->forward();
    const Tensor scores = sub_->read(sub_->output());
    const auto classes = static_cast<std::size_t>(scores.shape().c);
    for (std::int64_t i = 0; i < std::min(batch, count - first); ++i) {
      take(first + i, scores.f32().subspan(static_cast<std::size_t>(i) * classes, classes));
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
