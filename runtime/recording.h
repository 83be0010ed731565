#pragma once

#include <memory>

#include "runtime/stream.h"

namespace cutaway {

/// The kernels of one pass, recorded on a CUDA stream (a CUDA graph) and launched again in one
/// call. Addresses and arguments are those of the recording.
class Recording {
 public:
  Recording() = default;
  explicit Recording(std::shared_ptr<void> graph) : graph_(std::move(graph)) {}
  [[nodiscard]] explicit operator bool() const noexcept { return graph_ != nullptr; }
  [[nodiscard]] void* graph() const noexcept { return graph_.get(); }

 private:
  std::shared_ptr<void> graph_;
};

/// True for CUDA streams.
[[nodiscard]] bool can_record(const Stream& stream) noexcept;
/// What is queued between the two calls is recorded, not run. Throw kDevice when CUDA refuses:
/// something in between cannot be recorded (a synchronisation, an allocation).
void begin_recording(Stream& stream);
[[nodiscard]] Recording end_recording(Stream& stream);
/// Queues a recording.
void replay(Stream& stream, const Recording& recording);

}  // namespace cutaway
