#include "tests/shim/fake_device.h"

#include <sys/mman.h>

#include <cstring>
#include <stdexcept>

#include "tests/shim/cuda_shim.h"
// The kernels need the words of the shim.
#include "kernels/cuda/pattern_edges.cuh"
#include "kernels/cuda/pattern_step.cuh"
#include "runtime/cuda/memory.h"

// Takes the place of runtime/cuda and kernels/cuda/pattern_graph.cu at link time.
namespace cutaway {
namespace {

constexpr std::size_t kArena = std::size_t{1} << 30;

struct Arena {
  std::byte* base;
  std::size_t used{0};
  Arena()
      : base(static_cast<std::byte*>(mmap(
            nullptr, kArena, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {}
  [[nodiscard]] bool holds(const void* p) const {
    const auto* b = static_cast<const std::byte*>(p);
    return b >= base && b < base + used;
  }
};

Arena& arena() {
  static Arena a;
  return a;
}

std::size_t g_stray = 0;
std::size_t g_kernels = 0;

/// While it lives the device's memory can be touched.
class Unlocked {
 public:
  Unlocked() { set(PROT_READ | PROT_WRITE); }
  ~Unlocked() { set(PROT_NONE); }
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;

 private:
  static void set(int protection) {
    if (arena().used > 0) (void)mprotect(arena().base, arena().used, protection);
  }
};

template <class... P>
void expect_there(const P*... pointers) {
  ++g_kernels;
  for (const void* p : {static_cast<const void*>(pointers)...}) {
    g_stray += p != nullptr && !arena().holds(p) ? 1u : 0u;
  }
}

}  // namespace

struct CudaStream::State {};
CudaStream::CudaStream(int index) : index_(index), state_(std::make_shared<State>()) {}
void* CudaStream::handle() const noexcept { return nullptr; }
void synchronize(const Stream&) {}

namespace cuda {

std::byte* allocate(int, std::size_t bytes) {
  Arena& a = arena();
  const std::size_t rounded = (bytes + 4095) / 4096 * 4096;
  if (a.used + rounded > kArena) return nullptr;
  std::byte* p = a.base + a.used;
  a.used += rounded;
  const Unlocked unlocked;
  std::memset(p, 0xee, bytes);
  return p;
}
void release(int, std::byte*) noexcept {}
void copy(void* to, Device, const void* from, Device, std::size_t bytes) {
  const Unlocked unlocked;
  std::memcpy(to, from, bytes);
}
CudaStatus status() noexcept { return {1, ""}; }

}  // namespace cuda

namespace kernels {

void run(CudaStream&, const PatternPredict& k) {
  expect_there(k.edges, k.weight, k.variance, k.log_scale, k.mass, k.parent_h, k.parent_w,
               k.shift_h, k.shift_w, k.strength, k.noise);
  const Unlocked unlocked;
  const PatternPredictAt at{k};
  for (std::int64_t i = 0; i < k.filters * k.stride; ++i) at(i);
}

void run(CudaStream&, const PatternStep& k) {
  expect_there(k.maps.f32, k.maps.f16, k.maps.mirrored_f32, k.maps.mirrored_f16, k.maps.mirror,
               k.mu_h, k.mu_w, k.sigma, k.radius, k.window, k.shift_h, k.shift_w, k.strength,
               k.noise, k.position_h, k.position_w, k.peak, k.total, k.sums, k.likelihood,
               k.scratch);
  const Unlocked unlocked;
  const PatternStepLaunch g = pattern_step_launch(k);
  if (g.shared > kPatternShared) throw std::runtime_error("too much shared memory");
  launch_pattern_step(0, g);
  const std::int64_t sums = k.maps.filters * k.nodes * kPatternSums;
  const SumPatternSlices all{g.partial, g.slices, sums, k.sums, true};
  for (std::int64_t i = 0; k.sums != nullptr && i < sums; ++i) all(i);
  const std::int64_t logs = 2 * k.maps.filters;
  const SumPatternSlices log{g.logs, g.slices, logs, k.likelihood, false};
  for (std::int64_t i = 0; g.logs != nullptr && i < logs; ++i) log(i);
}

void run(CudaStream&, const PatternAffinity& k) {
  expect_there(k.position_h, k.position_w, k.peak, k.offset_h, k.offset_w, k.y_h, k.y_w,
               k.bandwidth, k.out);
  const Unlocked unlocked;
  launch_pattern_affinity(0, k);
}

void run(CudaStream&, const PatternBest& k) {
  expect_there(k.affinity, k.nodes_above, k.edges, k.own, k.other);
  const Unlocked unlocked;
  launch_pattern_best(0, k);
}

}  // namespace kernels
}  // namespace cutaway

namespace shim {

std::size_t stray_pointers() { return cutaway::g_stray; }
std::size_t kernels_run() { return cutaway::g_kernels; }

}  // namespace shim
