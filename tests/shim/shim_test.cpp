#include <doctest/doctest.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/shim/cuda_shim.h"

// The shim itself: if it let a missing barrier pass, the kernels' tests would prove little.
namespace {

constexpr unsigned kOrders = 4;

/// Runs `check` in the plain order and in several shuffled ones.
template <class F>
void in_all_orders(const F& check) {
  for (std::uint64_t order = 0; order < kOrders; ++order) {
    shim::set_order(order);
    CAPTURE(order);
    check();
  }
  shim::set_order(0);
}

__global__ void number_kernel(std::vector<int>* out) {
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  (*out)[block * blockDim.x * blockDim.y * blockDim.z + thread] +=
      static_cast<int>(block * 1000 + thread);
}

TEST_CASE("every thread of every block runs once, with its indices") {
  in_all_orders([] {
    std::vector<int> out(3 * 2 * 2 * 5 * 3 * 2, 0);
    const dim3 grid(3, 2, 2), block(5, 3, 2);
    CUTAWAY_LAUNCH(number_kernel, grid, block, 0, 0, &out);
    for (int i = 0; i < static_cast<int>(out.size()); ++i) {
      CHECK(out[static_cast<std::size_t>(i)] == i / 30 * 1000 + i % 30);
    }
  });
}

template <bool kBarrier>
__global__ void reverse_kernel(int* data) {
  __shared__ int tile[256];
  tile[threadIdx.x] = data[blockIdx.x * blockDim.x + threadIdx.x];
  if (kBarrier) __syncthreads();
  data[blockIdx.x * blockDim.x + threadIdx.x] = tile[blockDim.x - 1 - threadIdx.x];
}

/// Number of elements that reversing every block of 256 got wrong.
template <bool kBarrier>
int wrong_after_reversal() {
  std::vector<int> data(8 * 256);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<int>(i) + 1;
  const dim3 grid(8), block(256);
  CUTAWAY_LAUNCH(reverse_kernel<kBarrier>, grid, block, 0, 0, data.data());
  int wrong = 0;
  for (std::size_t i = 0; i < data.size(); ++i) {
    wrong += data[i] == static_cast<int>(i / 256 * 256 + 255 - i % 256) + 1 ? 0 : 1;
  }
  return wrong;
}

TEST_CASE("__syncthreads separates writing from reading, and its absence shows") {
  in_all_orders([] { CHECK(wrong_after_reversal<true>() == 0); });
  in_all_orders([] { CHECK(wrong_after_reversal<false>() > 0); });
}

__global__ void warp_sum_kernel(const float* in, float* out) {
  float v = in[blockIdx.x * blockDim.x + threadIdx.x];
  for (unsigned bits = 16; bits > 0; bits /= 2) v += __shfl_xor_sync(~0u, v, bits);
  float w = in[blockIdx.x * blockDim.x + threadIdx.x];
  for (unsigned distance = 16; distance > 0; distance /= 2) w += __shfl_down_sync(~0u, w, distance);
  if (threadIdx.x % 32 == 0) out[(blockIdx.x * blockDim.x + threadIdx.x) / 32] = v + 1000.0f * w;
}

TEST_CASE("shuffles exchange values inside a warp") {
  in_all_orders([] {
    std::vector<float> in(4 * 96), out(12, 0.0f);
    for (std::size_t i = 0; i < in.size(); ++i) in[i] = static_cast<float>(i % 7);
    const dim3 grid(4), block(96);
    CUTAWAY_LAUNCH(warp_sum_kernel, grid, block, 0, 0, in.data(), out.data());
    for (std::size_t warp = 0; warp < 12; ++warp) {
      float sum = 0.0f;
      for (std::size_t i = 0; i < 32; ++i) sum += in[warp * 32 + i];
      CHECK(out[warp] == 1001.0f * sum);
    }
  });
}

__global__ void dynamic_kernel(int* out) {
  CUTAWAY_DYNAMIC_SHARED(int, memory);
  memory[threadIdx.x] += static_cast<int>(threadIdx.x);
  __syncthreads();
  if (threadIdx.x == 0) {
    for (unsigned i = 0; i < blockDim.x; ++i) out[blockIdx.x] += memory[i];
  }
}

TEST_CASE("dynamic shared memory belongs to a block") {
  std::vector<int> out(5, 0);
  const dim3 grid(5), block(64);
  CUTAWAY_LAUNCH(dynamic_kernel, grid, block, 64 * sizeof(int), 0, out.data());
  for (const int sum : out) CHECK(sum == 64 * 63 / 2);
}

__global__ void early_exit_kernel(int* out) {
  if (threadIdx.x >= 40) return;  // allowed: a thread that has returned is not waited for
  __syncthreads();
  out[threadIdx.x] = 1;
}

/// What launching `kernel` throws.
template <class K, class... Args>
std::string failure_of(K kernel, unsigned threads, Args... args) {
  const dim3 grid(1), block(threads);
  try {
    CUTAWAY_LAUNCH(kernel, grid, block, 0, 0, args...);
  } catch (const std::exception& e) {
    return e.what();
  }
  return "nothing";
}

__global__ void half_kernel() {
  if (threadIdx.x % 2 == 0) {
    __syncthreads();
  } else {
    __syncwarp();
  }
}

__global__ void two_lines_kernel() {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

__global__ void throwing_kernel() {
  __syncthreads();
  if (threadIdx.x == 3) throw std::out_of_range("from a kernel");
  __syncthreads();
}

TEST_CASE("barriers that cannot open, or diverge, are reported") {
  in_all_orders([] {
    std::vector<int> out(40, 0);
    CHECK(failure_of(early_exit_kernel, 64, out.data()) == "nothing");
    for (const int v : out) CHECK(v == 1);
    CHECK(failure_of(half_kernel, 64).find("deadlock") != std::string::npos);
    CHECK(failure_of(two_lines_kernel, 64).find("divergent") != std::string::npos);
    CHECK(failure_of(throwing_kernel, 64) == "from a kernel");
    // And the next launch works as if nothing had happened.
    CHECK(wrong_after_reversal<true>() == 0);
  });
}

}  // namespace
