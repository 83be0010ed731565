#include "explain/occlusion/regional_occluder.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "layers/regional/grouping.h"
#include "runtime/error.h"
#include "runtime/parallel.h"

namespace cutaway::explain {
namespace {

// Patches a CPU thread carries at a time: enough to use a layer's weights several times while they
// are in the cache, few enough that the patches themselves stay near. (GoogLeNet, 625 positions: 16
// beats 4, 8 and 32.)
constexpr std::int64_t kCpuBatch = 16;
constexpr std::int64_t kCudaBatch = 64;

int threads_of(const Stream& stream) {
  const auto* cpu = std::get_if<CpuStream>(&stream);
  return cpu != nullptr ? cpu->threads() : 1;
}

CpuLevel level_of(const Stream& stream) {
  const auto* cpu = std::get_if<CpuStream>(&stream);
  return cpu != nullptr ? cpu->level() : default_cpu_level();
}

}  // namespace

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

RegionalOccluder::RegionalOccluder(const Model& model,
                                   NodeId output,
                                   const Evaluator::Resources& resources,
                                   std::span<const Region> regions)
    : model_(model),
      output_(output),
      regions_(regions.begin(), regions.end()),
      shape_(model.graph.node(0).shape),
      engines_(resources.engines),
      observer_(resources.observer),
      cancel_(*resources.observer) {
  check(!regions_.empty(), "an occluder without regions");
  make_groups();
  make_workers(resources);
  PlanRequest full;
  full.output = output_;
  full.engines = engines_;
  full.guard = false;
  for (const Lane& lane : workers_.front().lanes) {
    for (const NodeId source : lane.regional->sources()) {
      if (std::ranges::find(full.taps, source) == full.taps.end()) full.taps.push_back(source);
    }
  }
  full_ = std::make_unique<Executor>(model_, full, resources.stream);
  full_->set_observer(cancel_);
}

void RegionalOccluder::make_groups() {
  // A region in the middle reaches everything above a few layers, one in a corner a quarter of
  // that. More parts than this make batches small.
  const std::int64_t parts = regions_.size() >= 400   ? 7
                             : regions_.size() >= 200 ? 4
                             : regions_.size() >= 50  ? 2
                                                      : 1;
  Shape one = shape_;
  one.n = 1;
  const std::vector<Shape> shapes = model_.graph.infer(one);
  for (auto& members : group_regions(model_.graph, shapes, regions_, output_, parts)) {
    Group& group = groups_.emplace_back();
    group.first = order_.size();
    order_.insert(order_.end(), members.begin(), members.end());
    group.members = std::move(members);
  }
}

void RegionalOccluder::make_workers(const Evaluator::Resources& resources) {
  const bool cpu = device_of(resources.stream) == kCpuDevice;
  const int threads = threads_of(resources.stream);
  const Stream stream = cpu ? Stream(CpuStream(1, level_of(resources.stream))) : resources.stream;
  most_ = cpu ? kCpuBatch : kCudaBatch;
  std::int64_t jobs = 0;
  for (const Group& group : groups_) {
    jobs += (static_cast<std::int64_t>(group.members.size()) + most_ - 1) / most_;
  }
  workers_.resize(static_cast<std::size_t>(std::min<std::int64_t>(threads, jobs)));
  for (Worker& worker : workers_) {
    for (const Group& group : groups_) {
      std::vector<Region> members;
      for (const std::size_t i : group.members) members.push_back(regions_[i]);
      Lane& lane = worker.lanes.emplace_back();
      lane.regional =
          std::make_unique<RegionalModel>(RegionalModel::affected(model_, members, output_));
      if (&worker == &workers_.front()) {
        macs_ += static_cast<double>(lane.regional->model().graph.macs()) *
                 static_cast<double>(members.size()) / static_cast<double>(regions_.size());
      }
    }
    std::vector<Plan> made = plans(worker, stream, resources.budget / workers_.size());
    std::size_t bytes = 0;
    for (const Plan& plan : made) bytes = std::max(bytes, plan.arena_bytes());
    const auto arena = std::make_shared<Buffer>(device_of(stream), bytes);
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      Lane& lane = worker.lanes[g];
      lane.input = zeros(made[g].request().input);
      lane.executor =
          std::make_unique<Executor>(lane.regional->model(), std::move(made[g]), stream, arena);
      lane.executor->set_observer(cancel_);
    }
  }
}

/// A plan a group, of as many patches at a time as `budget` bytes hold.
std::vector<Plan> RegionalOccluder::plans(const Worker& worker,
                                          const Stream& stream,
                                          std::size_t budget) const {
  std::vector<Plan> made;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const Graph& graph = worker.lanes[g].regional->model().graph;
    PlanRequest request;
    request.engines = engines_;
    request.guard = false;
    request.input = graph.node(0).shape;
    // Equal batches: what is missing to the last one is computed for nothing.
    const auto members = static_cast<std::int64_t>(groups_[g].members.size());
    for (std::int64_t most = most_;; most = std::max<std::int64_t>(1, request.input.n / 2)) {
      const std::int64_t batches = (members + most - 1) / most;
      request.input.n = (members + batches - 1) / batches;
      Plan plan =
          Plan::build(graph, request, device_of(stream), threads_of(stream), level_of(stream));
      if (plan.arena_bytes() > budget && request.input.n > 1) continue;
      made.push_back(std::move(plan));
      break;
    }
  }
  return made;
}

void RegionalOccluder::bind(std::span<const float> image, std::span<const float> fill) {
  image_ = image;
  fill_ = fill;
  full_->set_input(tensor_of(shape_, image));
  full_->forward();
  for (Worker& worker : workers_) {
    for (Lane& lane : worker.lanes) lane.regional->bind(*full_);
  }
}

void RegionalOccluder::run(std::size_t first, std::size_t last, const Store& store) {
  std::vector<Job> jobs;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const auto batch = static_cast<std::size_t>(workers_.front().lanes[g].input.shape().n);
    const std::size_t end = std::min(last, groups_[g].first + groups_[g].members.size());
    for (std::size_t at = std::max(first, groups_[g].first); at < end;) {
      const std::size_t count = std::min(batch, end - at);
      jobs.push_back({g, at, count});
      at += count;
    }
  }
  // The longest first, so that the threads end together.
  std::ranges::stable_sort(jobs, std::greater<>{}, [&](const Job& job) {
    return workers_.front().lanes[job.group].regional->model().graph.macs();
  });
  report(first);
  std::atomic<std::size_t> next{0}, done{0};
  const auto count = static_cast<std::int64_t>(workers_.size());
  parallel_for(static_cast<int>(count), count, 1, [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t w = from; w < to; ++w) {
      for (std::size_t j = next++; j < jobs.size(); j = next++) {
        run_job(workers_[static_cast<std::size_t>(w)], jobs[j], store);
        done += jobs[j].count;
        if (w == 0) report(first + done);  // the first part runs on the caller's thread
      }
    }
  });
  report(last);
}

void RegionalOccluder::report(std::size_t done) const {
  observer_->progress("occlusion", static_cast<double>(done), static_cast<double>(regions_.size()));
}

void RegionalOccluder::run_job(Worker& worker, const Job& job, const Store& store) {
  Lane& lane = worker.lanes[job.group];
  Shape window = lane.input.shape();
  const auto batch = static_cast<std::size_t>(window.n);
  window.n = 1;
  const auto size = static_cast<std::size_t>(window.count());
  std::vector<Region> here;
  for (std::size_t i = 0; i < batch;
       ++i) {  // what is missing to a batch is filled up with the last region
    here.push_back(regions_[order_[job.first + std::min(i, job.count - 1)]]);
  }
  const auto places = lane.regional->place(here, lane.executor->stream());
  for (std::size_t i = 0; i < batch; ++i) {
    paint_window(image_, shape_, here[i], fill_, places[i].input_row, places[i].input_column,
                 window, lane.input.f32().subspan(i * size, size));
  }
  lane.executor->set_input(lane.input);
  lane.executor->forward();
  const Tensor got = lane.executor->read(lane.executor->output());
  const std::size_t values = got.f32().size() / batch;
  for (std::size_t i = 0; i < job.count; ++i) {
    store(order_[job.first + i], got.f32().subspan(i * values, values));
  }
}

}  // namespace cutaway::explain
