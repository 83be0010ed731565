#pragma once

#include <cstdint>

#include "runtime/layout.h"

namespace cutaway::kernels {

/// Where an index-space kernel stands: image n, channel block cb, row h, column w, and the first of
/// the V channel lanes it owns. V is a compile-time constant so that the lane loop becomes vector
/// code:
///   for (int l = 0; l < V; ++l) y[l] = f(x[l]);
struct Site {
  std::int64_t n, cb, h, w, lane;

  /// Offset of the first lane in any view that has this block size and these extents.
  template <class T>
  [[nodiscard]] CUTAWAY_HD constexpr std::int64_t in(const View<T>& v) const {
    return n * v.stride_n + cb * v.stride_b + h * v.stride_h + w * v.stride_w + lane;
  }
  /// Offset at another row and column of the same channels.
  template <class T>
  [[nodiscard]] CUTAWAY_HD constexpr std::int64_t in(const View<T>& v,
                                                     std::int64_t row,
                                                     std::int64_t column) const {
    return n * v.stride_n + cb * v.stride_b + row * v.stride_h + column * v.stride_w + lane;
  }
  /// Channel number of the first lane.
  [[nodiscard]] CUTAWAY_HD constexpr std::int64_t channel(std::int64_t block) const {
    return cb * block + lane;
  }
};

/// The index space of a kernel over channel-blocked maps.
struct SiteSpace {
  std::int64_t n{}, blocks{}, h{}, w{}, lanes{};

  template <class T>
  [[nodiscard]] static constexpr SiteSpace of(const View<T>& v) {
    return {v.shape.n, v.blocks(), v.shape.h, v.shape.w, v.lanes()};
  }
  [[nodiscard]] constexpr std::int64_t rows() const { return n * blocks * h; }
  [[nodiscard]] constexpr std::int64_t count() const { return rows() * w * lanes; }
};

// Both devices provide, in kernels/cpu/for_each.h and kernels/cuda/for_each.cuh:
//   for_each_site(stream, space, op)    calls op.template at<V>(Site) for every lane group; V
//                                       divides lanes
//   for_each_index(stream, count, op)   calls op(i) for i in [0, count)
// An op is plain data. It reads what it likes and writes only what its site or index owns: no
// atomics, the same bits for any number of threads.

}  // namespace cutaway::kernels
