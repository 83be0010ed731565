#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

/// Runs the threads of CUDA-style thread blocks on the CPU: one fiber a thread, blocks spread over
/// OpenMP threads, __syncthreads and warp shuffles as cooperative waits. A barrier that not all
/// threads reach, or that they reach at different lines, throws std::runtime_error instead of
/// hanging.
///
/// What it cannot show: weak memory ordering, and races that need two warps at the same instant.
/// Fibers run one after the other from barrier to barrier, so run a kernel in several orders
/// (set_order): a missing barrier then changes the result.
namespace shim {

struct Extent {
  unsigned x{1}, y{1}, z{1};
};

/// Order in which the threads of a block run between barriers: 0 in order of their index, otherwise
/// a pseudo-random order, new at every barrier, drawn from `seed`. Applies to later launches.
void set_order(std::uint64_t seed);

/// Calls body() once for every thread of every block, with the built-in variables set.
void launch(Extent grid,
            Extent block,
            std::size_t dynamic_bytes,
            const std::function<void()>& body);

/// For the code of a running kernel (see cuda_shim.h).
void sync_threads(int line);
void sync_warp();
[[nodiscard]] unsigned lane();
/// Every thread of the warp offers 8 bytes and receives those of lane `source` (its own if absent).
[[nodiscard]] std::uint64_t exchange(std::uint64_t value, unsigned source);
/// Dynamic shared memory of the running block, 64-byte aligned, zero at its start.
[[nodiscard]] std::byte* dynamic_shared();

}  // namespace shim
