#pragma once

#include <memory>
#include <utility>
#include <variant>

#include "runtime/config.h"
#include "runtime/cpu_features.h"
#include "runtime/device.h"

namespace cutaway {

/// Runs kernels on the CPU, at once, on a fixed number of threads.
class CpuStream {
 public:
  /// threads = 0 takes every core this process may use. Throws kUsage when this processor does not
  /// run `level`.
  explicit CpuStream(int threads = 0, CpuLevel level = default_cpu_level());
  [[nodiscard]] int threads() const noexcept { return threads_; }
  /// Whose kernels run.
  [[nodiscard]] CpuLevel level() const noexcept { return level_; }

 private:
  int threads_;
  CpuLevel level_;
};

/// A CpuStream whose level the compiler knows: what the implementations of a kernel for different
/// levels are told apart by (kernels/run.h). No CpuStream, so that a missing implementation cannot
/// lead back to the choice.
template <CpuLevel kLevel>
class CpuStreamAt {
 public:
  explicit CpuStreamAt(const CpuStream& stream) : threads_(stream.threads()) {}
  [[nodiscard]] int threads() const noexcept { return threads_; }

 private:
  int threads_;
};

/// An in-order queue of kernels on one CUDA device. Copies share the queue.
class CudaStream {
 public:
  /// Throws kDevice when CUDA device `index` is not there.
  explicit CudaStream(int index);
  /// The cudaStream_t, opaque so that no public header needs CUDA's.
  [[nodiscard]] void* handle() const noexcept;
  [[nodiscard]] int index() const noexcept { return index_; }
  /// Library handles bound to this stream, created on first use (see runtime/cuda/handles.h).
  struct State;
  [[nodiscard]] State& state() const noexcept { return *state_; }

 private:
  int index_;
  std::shared_ptr<State> state_;
};

/// The stream carries the device: every kernel takes one, nothing in the library is a global mode.
/// A build without CUDA names no CUDA symbol; this is the only conditional outside runtime/cuda.
#if CUTAWAY_HAVE_CUDA
using Stream = std::variant<CpuStream, CudaStream>;
#else
using Stream = std::variant<CpuStream>;
#endif

/// `threads` and `level` are for the CPU.
[[nodiscard]] Stream make_stream(Device device,
                                 int threads = 0,
                                 CpuLevel level = default_cpu_level());
[[nodiscard]] Device device_of(const Stream& stream) noexcept;
/// Waits until everything queued on `stream` has finished; throws kDevice if any of it failed.
void synchronize(const Stream& stream);

}  // namespace cutaway
