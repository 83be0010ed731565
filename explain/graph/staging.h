#pragma once

#include <cstddef>
#include <vector>

#include "runtime/buffer.h"
#include "runtime/stream.h"

namespace cutaway::explain::graph {

/// Arrays of the host where a stream's kernels can reach them: on the CPU the arrays themselves, on
/// a CUDA device copies of them, in memory that is kept from one use to the next. A null array is
/// null there as well.
class Staging {
 public:
  /// Begins a use; pointers of the use before are no longer valid.
  void begin(const Stream& stream);
  /// For kernels to read.
  template <class T>
  [[nodiscard]] const T* read(const T* data, std::size_t count) {
    return static_cast<const T*>(place(data, count * sizeof(T)));
  }
  /// Null where there is nothing.
  template <class T>
  [[nodiscard]] const T* read(const std::vector<T>& data) {
    return read(data.empty() ? nullptr : data.data(), data.size());
  }
  /// For kernels to write, and with `filled` to read; finish() brings it back.
  template <class T>
  [[nodiscard]] T* write(T* data, std::size_t count, bool filled = false) {
    return static_cast<T*>(place_back(data, count * sizeof(T), filled));
  }
  /// Written and read by kernels alone: on a device the host's array stays as it is.
  template <class T>
  [[nodiscard]] T* keep(T* data, std::size_t count) {
    return static_cast<T*>(place_kept(data, count * sizeof(T)));
  }
  /// Memory of a device; null on the CPU.
  [[nodiscard]] std::byte* scratch(std::size_t bytes);
  /// Waits for the kernels and brings back what they wrote.
  void finish(const Stream& stream);

 private:
  struct Back {
    void* to;
    const std::byte* from;
    std::size_t bytes;
  };
  [[nodiscard]] const void* place(const void* data, std::size_t bytes);
  [[nodiscard]] void* place_back(void* data, std::size_t bytes, bool filled);
  [[nodiscard]] void* place_kept(void* data, std::size_t bytes);
  [[nodiscard]] bool here() const { return device_.kind == Device::Kind::kCpu; }

  Device device_{};
  std::vector<Buffer> buffers_;
  std::size_t next_{0};
  std::vector<Back> back_;
};

}  // namespace cutaway::explain::graph
