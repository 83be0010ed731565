#pragma once

#include <cstdint>

#include "kernels/conv.h"
#include "runtime/macros.h"

/// The index algebra of convolution as a matrix product, apart from the tiles that use it, so that
/// the host can test it exhaustively. Rows are pixels, columns are channels, depth runs over (tap,
/// channel).
namespace cutaway::kernels {

/// Division of numbers in [0, 2^31) by one known before the launch: a multiplication and a shift
/// (Granlund & Montgomery, "Division by invariant integers using multiplication", PLDI 1994,
/// fig. 4.1).
struct Divider {
  std::uint32_t divisor{1}, multiplier{1}, shift{0};

  Divider() = default;
  /// d in [1, 2^31).
  explicit constexpr Divider(std::int64_t d) : divisor(static_cast<std::uint32_t>(d)) {
    while ((std::uint64_t{1} << shift) < divisor) ++shift;
    const std::uint64_t over = (std::uint64_t{1} << shift) - divisor;
    multiplier = static_cast<std::uint32_t>((over << 32) / divisor + 1);
  }

  [[nodiscard]] CUTAWAY_HD constexpr std::uint32_t quotient(std::uint32_t n) const {
    const auto high = static_cast<std::uint32_t>((std::uint64_t{n} * multiplier) >> 32);
    return (high + n) >> shift;
  }
  [[nodiscard]] CUTAWAY_HD constexpr std::uint32_t remainder(std::uint32_t n,
                                                             std::uint32_t q) const {
    return n - q * divisor;
  }
};

/// One pixel of a batch of images.
struct Pixel {
  std::int32_t n, h, w;
};

/// Numbers the pixels of n images of h x w row by row: row = (n * h + i) * w + j.
struct PixelGrid {
  Divider h, w;

  PixelGrid() = default;
  explicit constexpr PixelGrid(const Shape& s) : h(s.h), w(s.w) {}

  [[nodiscard]] CUTAWAY_HD constexpr Pixel pixel(std::uint32_t row) const {
    const std::uint32_t line = w.quotient(row);
    const std::uint32_t image = h.quotient(line);
    return {static_cast<std::int32_t>(image), static_cast<std::int32_t>(h.remainder(line, image)),
            static_cast<std::int32_t>(w.remainder(row, line))};
  }
};

/// How one axis of the source is addressed by position `at` of the target and a tap of the kernel.
/// Forward, target y, source x:  at * stride - pad + tap * dilation.
/// Backward data, target dx, source dy:  (at + pad - tap * dilation) / stride, where that divides.
struct ConvAxis {
  std::int32_t scale{1}, shift{0}, step{1}, extent{1};
  Divider stride;

  [[nodiscard]] static constexpr ConvAxis forward(std::int64_t stride_,
                                                  std::int64_t pad,
                                                  std::int64_t dilation,
                                                  std::int64_t source_extent) {
    return {static_cast<std::int32_t>(stride_), static_cast<std::int32_t>(-pad),
            static_cast<std::int32_t>(dilation), static_cast<std::int32_t>(source_extent),
            Divider(1)};
  }
  [[nodiscard]] static constexpr ConvAxis backward(std::int64_t stride_,
                                                   std::int64_t pad,
                                                   std::int64_t dilation,
                                                   std::int64_t source_extent) {
    return {1, static_cast<std::int32_t>(pad), static_cast<std::int32_t>(-dilation),
            static_cast<std::int32_t>(source_extent), Divider(stride_)};
  }

  /// An origin from which every tap misses.
  static constexpr std::int32_t kOutside = -(1 << 30);

  [[nodiscard]] CUTAWAY_HD constexpr std::int32_t origin(std::int32_t at) const {
    return at * scale + shift;
  }
  /// The source position of a tap, or -1 if there is none. kStrided: the stride may not be 1
  /// (backward).
  template <bool kStrided>
  [[nodiscard]] CUTAWAY_HD constexpr std::int32_t source(std::int32_t origin_,
                                                         std::int32_t tap) const {
    std::int32_t at = origin_ + tap * step;
    if (at < 0) return -1;
    if constexpr (kStrided) {
      const auto n = static_cast<std::uint32_t>(at);
      const std::uint32_t q = stride.quotient(n);
      if (stride.remainder(n, q) != 0) return -1;
      at = static_cast<std::int32_t>(q);
    }
    return at < extent ? at : -1;
  }
};

/// Position k of the depth of the matrix product: kernel row u, kernel column v, channel c of the
/// group.
struct Depth {
  std::int32_t u, v, c;
};

/// k = (u * kernel_w + v) * channels + c.
struct DepthMap {
  Divider channels, kernel_w;

  DepthMap() = default;
  constexpr DepthMap(std::int64_t channels_, std::int64_t kernel_w_)
      : channels(channels_), kernel_w(kernel_w_) {}

  [[nodiscard]] CUTAWAY_HD constexpr Depth at(std::uint32_t k) const {
    const std::uint32_t tap = channels.quotient(k);
    const std::uint32_t u = kernel_w.quotient(tap);
    return {static_cast<std::int32_t>(u), static_cast<std::int32_t>(kernel_w.remainder(tap, u)),
            static_cast<std::int32_t>(channels.remainder(k, tap))};
  }
};

/// Element (i, j) of a square of registers a thread owns in a tile: groups of four neighbours, so
/// that shared memory is read 16 bytes at a time, `threads * 4` apart.
[[nodiscard]] CUTAWAY_HD constexpr int tile_element(int thread, int threads, int i) {
  return i / 4 * threads * 4 + thread * 4 + i % 4;
}

/// Lanes of the output that group `group` writes: its channels, and for the last one the padding
/// too.
[[nodiscard]] CUTAWAY_HD constexpr std::int32_t group_lanes(std::int32_t group,
                                                            std::int32_t groups,
                                                            std::int32_t channels,
                                                            std::int32_t lanes) {
  return group == groups - 1 ? lanes - group * channels : channels;
}

}  // namespace cutaway::kernels
