#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "weights/import/transform.h"

namespace cutaway::weights {

/// A transform that transposes (matrices; kernels HWIO -> OIHW) in bands of rows of its result, so
/// that the tensor is never held: a band is filled from parts of the source, then gives its rows.
/// A band takes 4 KiB for a column of the result, at most 128 MiB, or 32 rows if those are more.
class RowBands {
 public:
  /// Fetches elements of the source from `first` on.
  using Read = std::function<void(std::int64_t first, std::span<float> to)>;
  /// Takes whole rows of the result, in order.
  using Put = std::function<void(std::span<const float>)>;

  /// Nothing where `t` does something else.
  [[nodiscard]] static std::optional<RowBands> of(const Transform& t, const Extents& extents);

  [[nodiscard]] std::size_t count() const;
  /// Floats of a band in memory.
  [[nodiscard]] std::size_t floats() const;
  /// `to` begins with a cache line (64 bytes).
  void fill(std::size_t band, const Read& read, std::span<float> to) const;
  void put(std::size_t band, std::span<const float> from, const Put& put) const;

 private:
  [[nodiscard]] std::int64_t rows_of(std::size_t band) const;
  [[nodiscard]] std::int64_t source_line(std::int64_t column) const;

  Transform transform_;
  Extents result_;
  std::int64_t rows_{0}, columns_{0};
  // Lines of the source count positions first, channels second; columns of the result the other way
  // round: kernels H x W x I -> I x H x W, features H, W, C -> C, H, W. Zeros: alike.
  std::int64_t plane_{0}, channels_{0};
  std::int64_t step_{0};      // rows of a band
  std::int64_t distance_{0};  // floats from one block of columns to the next
};

}  // namespace cutaway::weights
