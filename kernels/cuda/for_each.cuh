#pragma once

#include <cuda_runtime.h>

#include <string>

#include "kernels/site.h"
#include "runtime/cuda/check.h"
#include "runtime/error.h"
#include "runtime/stream.h"

// The CUDA half of the index-space scheme: one thread a lane group, grid-stride so that any count
// fits.

/// Stands before the loop over the V lanes of a site (see kernels/cpu/for_each.h). Nothing to say
/// here: the loop has 4 turns and is unrolled anyway.
#define CUTAWAY_LANES

namespace cutaway::kernels {

/// One T for each lane of a site: the registers of an op.
template <class T, int V>
using Lanes = T[static_cast<unsigned>(V)];

/// Sets every lane to zero.
template <int V, class T>
__host__ __device__ void clear(T (&lanes)[static_cast<unsigned>(V)]) {
  for (int l = 0; l < V; ++l) lanes[l] = 0;
}

/// lanes[l] = bytes[l].
template <int V>
__host__ __device__ void widen(const std::uint8_t* bytes,
                               std::int32_t (&lanes)[static_cast<unsigned>(V)]) {
  for (int l = 0; l < V; ++l) lanes[l] = bytes[l];
}

inline constexpr int kThreadsPerBlock = 256;
/// Blocks that must fit on a multiprocessor. Without a number ptxas aims at its own and spills for
/// it.
inline constexpr int kLeastResident = 2;
inline constexpr std::int64_t kMostBlocks = 132 * 32;

/// `groups` lane groups from image first_image on. They are counted in 32 bits: a 64-bit division
/// costs four times as much, and there are four.
template <int V, class Op>
__global__ void __launch_bounds__(kThreadsPerBlock, kLeastResident)
    site_kernel(const SiteSpace space,
                const std::int64_t first_image,
                const std::uint32_t groups,
                const Op op) {
  const auto per_pixel = static_cast<std::uint32_t>(space.lanes / V);
  const auto width = static_cast<std::uint32_t>(space.w);
  const auto height = static_cast<std::uint32_t>(space.h);
  const auto blocks = static_cast<std::uint32_t>(space.blocks);
  const std::uint64_t step = std::uint64_t{gridDim.x} * blockDim.x;
  for (std::uint64_t i = std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < groups;
       i += step) {
    const auto group = static_cast<std::uint32_t>(i);
    const std::uint32_t pixel = group / per_pixel;
    const std::uint32_t row = pixel / width;
    const std::uint32_t plane = row / height;
    const std::uint32_t image = plane / blocks;
    op.template at<V>(Site{first_image + image, plane - image * blocks, row - plane * height,
                           pixel - row * width, (group - pixel * per_pixel) * V});
  }
}

template <class Op>
__global__ void __launch_bounds__(kThreadsPerBlock, kLeastResident)
    index_kernel(const std::int64_t count, const Op op) {
  const std::int64_t step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step) {
    op(i);
  }
}

inline unsigned blocks_for(std::int64_t threads) {
  const std::int64_t blocks = ceil_div(threads, kThreadsPerBlock);
  return static_cast<unsigned>(blocks < kMostBlocks ? blocks : kMostBlocks);
}

template <int V, class Op>
void for_each_site_of(CudaStream& stream, const SiteSpace& space, const Op& op) {
  const auto queue = static_cast<cudaStream_t>(stream.handle());
  const std::int64_t most = 0xffffffffll;
  const std::int64_t image = space.blocks * space.h * space.w * (space.lanes / V);
  if (image > most) {
    throw Error(ErrorKind::kShape, "one image has too many elements for a CUDA kernel")
        .expected("at most " + std::to_string(most * V))
        .got(std::to_string(image * V));
  }
  const std::int64_t images = most / image;
  for (std::int64_t n = 0; n < space.n; n += images) {
    const std::int64_t groups = (space.n - n < images ? space.n - n : images) * image;
    site_kernel<V><<<blocks_for(groups), kThreadsPerBlock, 0, queue>>>(
        space, n, static_cast<std::uint32_t>(groups), op);
    CUTAWAY_CUDA(cudaGetLastError());
  }
}

/// Calls op.at<V>(site) for every lane group. The cost of an element does not matter here.
template <class Op>
void for_each_site(CudaStream& stream, const SiteSpace& space, const Op& op, std::int64_t = 1) {
  if (space.count() == 0) return;
  if (space.lanes % 4 == 0) {
    for_each_site_of<4>(stream, space, op);
  } else {
    for_each_site_of<1>(stream, space, op);
  }
}

/// Calls op(i) for i in [0, count).
template <class Op>
void for_each_index(CudaStream& stream, std::int64_t count, const Op& op, std::int64_t = 1) {
  if (count == 0) return;
  const auto queue = static_cast<cudaStream_t>(stream.handle());
  index_kernel<<<blocks_for(count), kThreadsPerBlock, 0, queue>>>(count, op);
  CUTAWAY_CUDA(cudaGetLastError());
}

}  // namespace cutaway::kernels
