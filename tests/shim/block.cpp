#include "tests/shim/block.h"

#include <omp.h>

#include <atomic>
#include <exception>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/shim/cuda_shim.h"
#include "tests/shim/fiber.h"

constinit thread_local uint3 threadIdx{};
constinit thread_local uint3 blockIdx{};
constinit thread_local uint3 blockDim{};
constinit thread_local uint3 gridDim{};

namespace shim {
namespace {

constexpr std::size_t kStackBytes = 128 * 1024;  // AddressSanitizer's frames are large
constexpr unsigned kWarp = 32;

std::atomic<std::uint64_t> g_order{0};

std::uint64_t mix(std::uint64_t x) {  // splitmix64
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/// Opens when all threads that have not returned have come.
struct Barrier {
  unsigned count{0}, expected{0};
  unsigned generation{0};
  int line{0};

  void open() {
    count = 0;
    ++generation;
  }
  void leave() {
    --expected;
    if (expected > 0 && count == expected) open();
  }
};

struct Thread {
  Context context{kStackBytes};
  uint3 index{};
  unsigned id{0};
  std::uint64_t slot{0};
  bool done{true};
};

class Block {
 public:
  void run(const uint3& extent,
           std::size_t dynamic_bytes,
           std::uint64_t order,
           const std::function<void()>& body);
  void wait(Barrier& barrier);
  void sync_threads(int line);

  [[nodiscard]] Thread& current() { return threads_[current_]; }
  [[nodiscard]] Barrier& warp() { return warps_[current().id / kWarp]; }
  [[nodiscard]] unsigned count() const { return count_; }
  [[nodiscard]] Thread& thread(unsigned id) { return threads_[id]; }
  [[nodiscard]] std::byte* dynamic() { return dynamic_; }
  static void enter();

 private:
  void start(const uint3& extent);
  void arrange(std::uint64_t order, std::uint64_t sweep);
  [[nodiscard]] std::uint64_t progress() const;
  void yield();

  Context scheduler_;
  std::vector<Thread> threads_;
  std::vector<Barrier> warps_;
  std::vector<unsigned> sequence_;
  Barrier all_;
  std::vector<std::byte> memory_;
  std::byte* dynamic_{};
  unsigned current_{0}, count_{0}, live_{0};
  const std::function<void()>* body_{};
  std::exception_ptr error_;
};

constinit thread_local Block* t_block = nullptr;

void Block::start(const uint3& extent) {
  count_ = extent.x * extent.y * extent.z;
  while (threads_.size() < count_) threads_.emplace_back();
  all_ = Barrier{0, count_, 0, 0};
  warps_.assign((count_ + kWarp - 1) / kWarp, Barrier{});
  sequence_.resize(count_);
  std::iota(sequence_.begin(), sequence_.end(), 0u);
  for (unsigned i = 0; i < count_; ++i) {
    Thread& thread = threads_[i];
    thread.id = i;
    thread.done = false;
    thread.index = {i % extent.x, i / extent.x % extent.y, i / (extent.x * extent.y)};
    thread.context.start(&Block::enter);
    ++warps_[i / kWarp].expected;
  }
  live_ = count_;
  error_ = nullptr;
}

void Block::arrange(std::uint64_t order, std::uint64_t sweep) {
  if (order == 0) return;
  std::uint64_t state = mix(order + mix(sweep));
  for (std::size_t i = sequence_.size(); i > 1; --i) {
    state = mix(state);
    std::swap(sequence_[i - 1], sequence_[state % i]);
  }
}

std::uint64_t Block::progress() const {
  std::uint64_t sum = all_.generation;
  for (const Barrier& warp : warps_) sum += warp.generation;
  return sum;
}

void Block::run(const uint3& extent,
                std::size_t dynamic_bytes,
                std::uint64_t order,
                const std::function<void()>& body) {
  body_ = &body;
  memory_.assign(dynamic_bytes + 64, std::byte{0});
  void* aligned = memory_.data();
  std::size_t space = memory_.size();
  dynamic_ = static_cast<std::byte*>(std::align(64, dynamic_bytes, aligned, space));
  start(extent);
  for (std::uint64_t sweep = 0; live_ > 0; ++sweep) {
    const unsigned before = live_;
    const std::uint64_t opened = progress();
    arrange(order, sweep);
    for (const unsigned i : sequence_) {
      if (threads_[i].done) continue;
      current_ = i;
      threadIdx = threads_[i].index;
      Context::switch_to(scheduler_, threads_[i].context);
      if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    }
    if (live_ == before && progress() == opened) {
      throw std::runtime_error("shim: barrier deadlock, " + std::to_string(live_) + " of " +
                               std::to_string(count_) + " threads wait for the others");
    }
  }
}

void Block::enter() {
  Block& block = *t_block;
  Context::arrived(block.scheduler_);
  try {
    (*block.body_)();
  } catch (...) {
    block.error_ = std::current_exception();
  }
  Thread& thread = block.current();
  thread.done = true;
  --block.live_;
  block.all_.leave();
  block.warp().leave();
  Context::switch_to(thread.context, block.scheduler_, true);
}

void Block::yield() {
  Thread& thread = current();
  Context::switch_to(thread.context, scheduler_);
  threadIdx = thread.index;
}

void Block::wait(Barrier& barrier) {
  const unsigned generation = barrier.generation;
  if (++barrier.count == barrier.expected) {
    barrier.open();
  } else {
    while (barrier.generation == generation) yield();
  }
}

void Block::sync_threads(int line) {
  if (all_.count == 0) {
    all_.line = line;
  } else if (all_.line != line) {
    throw std::runtime_error("shim: divergent __syncthreads: lines " + std::to_string(all_.line) +
                             " and " + std::to_string(line));
  }
  wait(all_);
}

uint3 index_of(std::int64_t i, const Extent& grid) {
  const std::int64_t x = grid.x, y = grid.y;
  return {static_cast<unsigned>(i % x), static_cast<unsigned>(i / x % y),
          static_cast<unsigned>(i / (x * y))};
}

}  // namespace

void set_order(std::uint64_t seed) { g_order = seed; }

void launch(Extent grid,
            Extent block,
            std::size_t dynamic_bytes,
            const std::function<void()>& body) {
  const std::int64_t blocks = std::int64_t{grid.x} * grid.y * grid.z;
  const std::uint64_t order = g_order;
  std::exception_ptr error;
#pragma omp parallel
  {
    Block runner;
    t_block = &runner;
    gridDim = {grid.x, grid.y, grid.z};
    blockDim = {block.x, block.y, block.z};
#pragma omp for schedule(dynamic)
    for (std::int64_t i = 0; i < blocks; ++i) {
      blockIdx = index_of(i, grid);
      try {
        runner.run(blockDim, dynamic_bytes,
                   order == 0 ? 0 : mix(order) + static_cast<std::uint64_t>(i), body);
      } catch (...) {
#pragma omp critical
        error = std::current_exception();
      }
    }
    t_block = nullptr;
  }
  if (error) std::rethrow_exception(error);
}

void sync_threads(int line) { t_block->sync_threads(line); }

void sync_warp() { t_block->wait(t_block->warp()); }

unsigned lane() { return t_block->current().id % kWarp; }

std::uint64_t exchange(std::uint64_t value, unsigned source) {
  Block& block = *t_block;
  Thread& self = block.current();
  self.slot = value;
  sync_warp();
  const unsigned from = self.id / kWarp * kWarp + source % kWarp;
  const std::uint64_t received = from < block.count() ? block.thread(from).slot : value;
  sync_warp();  // nobody offers the next value before all have read this one
  return received;
}

std::byte* dynamic_shared() { return t_block->dynamic(); }

}  // namespace shim
