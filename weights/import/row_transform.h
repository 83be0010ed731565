#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "weights/import/transform.h"

namespace cutaway::weights {

/// Applies transforms that transpose (matrices; kernels HWIO -> OIHW) without holding the tensor: a
/// band of columns of the source at a time, and of that some rows of the result. The memory, 128
/// MiB or 32 rows of the result if those are more, serves one tensor after the other.
class RowTransform {
 public:
  /// What weights::apply does, with `read` fetching any elements of the source and `put` taking
  /// whole rows of the result in order. False, and nothing is read, for other transforms.
  bool apply(const Transform& t,
             const Extents& extents,
             const std::function<void(std::int64_t first, std::span<float> to)>& read,
             const std::function<void(std::span<const float>)>& put);

 private:
  // Not a Buffer, which asks for huge pages: the small ones that were freed last are at hand.
  std::unique_ptr<float[]> band_;
  std::size_t size_{0};  // of band_
  std::vector<float> piece_;
};

}  // namespace cutaway::weights
