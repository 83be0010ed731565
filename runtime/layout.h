#pragma once

#include <cstdint>
#include <type_traits>

#include "runtime/shape.h"

namespace cutaway {

/// The one layout family: channel blocks. A tensor is N x ceil(C/b) x H x W x b, where b = 1 is
/// NCHW, b = 16 is oneDNN's nChw16c and b = C (rounded up) is NHWC. Channels between C and the next
/// multiple of b are padding and hold zero, always.
struct Layout {
  std::int64_t block{1};

  friend constexpr bool operator==(const Layout&, const Layout&) = default;
};

inline constexpr Layout kPlain{1};
inline constexpr Layout kBlocked16{16};

/// NHWC for c channels: one block, rounded up to a multiple of 8 so that tensor cores accept it.
[[nodiscard]] constexpr Layout channels_last(std::int64_t c) { return Layout{round_up(c, 8)}; }

/// Elements a dense tensor occupies, padding included.
[[nodiscard]] CUTAWAY_HD constexpr std::int64_t stored_count(const Shape& s, Layout layout) {
  return s.n * round_up(s.c, layout.block) * s.h * s.w;
}

/// A typed window onto a tensor: trivially copyable, passed by value to kernels on both devices,
/// never an owner. Element (n, c, h, w) stands at
///   data[n*stride_n + (c/block)*stride_b + h*stride_h + w*stride_w + c%block].
/// A dense view has stride_w = block; slices of channels (at block boundaries) and spatial crops
/// are views of the same memory with the strides of the whole.
template <class T>
struct View {
  T* data{};
  Shape shape{};
  std::int64_t block{1};
  std::int64_t stride_n{}, stride_b{}, stride_h{}, stride_w{};

  [[nodiscard]] CUTAWAY_HD constexpr std::int64_t blocks() const {
    return (shape.c + block - 1) / block;
  }
  /// Channel lanes a kernel visits in every block: all of a CPU block; for channels-last, the
  /// view's own channels rounded up to 8, so that a channel slice does not run into its neighbour.
  [[nodiscard]] CUTAWAY_HD constexpr std::int64_t lanes() const {
    return block <= 16 ? block : round_up(shape.c, 8);
  }
  [[nodiscard]] CUTAWAY_HD constexpr std::int64_t offset(std::int64_t n,
                                                         std::int64_t c,
                                                         std::int64_t h,
                                                         std::int64_t w) const {
    return n * stride_n + (c / block) * stride_b + h * stride_h + w * stride_w + c % block;
  }
  [[nodiscard]] CUTAWAY_HD constexpr T& at(std::int64_t n,
                                           std::int64_t c,
                                           std::int64_t h,
                                           std::int64_t w) const {
    return data[offset(n, c, h, w)];
  }
  /// True when the elements fill memory without gaps, so that a kernel may walk it linearly.
  [[nodiscard]] CUTAWAY_HD constexpr bool dense() const {
    return lanes() == block && stride_w == block && stride_h == shape.w * block &&
           stride_b == shape.h * stride_h && stride_n == blocks() * stride_b;
  }
  [[nodiscard]] CUTAWAY_HD constexpr std::int64_t stored() const {
    return shape.n * blocks() * block * shape.h * shape.w;
  }
  // A view of mutable elements may be read through.
  template <class U>
  requires(std::is_same_v<U, const T> && !std::is_const_v<T>) CUTAWAY_HD constexpr
  operator View<U>() const {  // NOLINT(google-explicit-constructor)
    return {data, shape, block, stride_n, stride_b, stride_h, stride_w};
  }
};

/// The dense view of `shape` in `layout` over memory at `data`.
template <class T>
[[nodiscard]] CUTAWAY_HD constexpr View<T> dense_view(T* data, const Shape& s, Layout layout) {
  const std::int64_t b = layout.block;
  const std::int64_t row = s.w * b;
  const std::int64_t plane = s.h * row;
  return {data, s, b, (s.c + b - 1) / b * plane, plane, row, b};
}

/// Channels [first, first + count) of a view; `first` must stand at a block boundary unless block =
/// C.
template <class T>
[[nodiscard]] constexpr View<T> channel_slice(View<T> v, std::int64_t first, std::int64_t count) {
  v.data += (first / v.block) * v.stride_b + first % v.block;
  v.shape.c = count;
  return v;
}

/// Images [first, first + count) of a view.
template <class T>
[[nodiscard]] constexpr View<T> image_slice(View<T> v, std::int64_t first, std::int64_t count) {
  v.data += first * v.stride_n;
  v.shape.n = count;
  return v;
}

}  // namespace cutaway
