#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "explain/pictures/image.h"
#include "explain/pictures/list.h"
#include "runtime/tensor.h"
#include "weights/preprocess.h"

namespace cutaway::explain {

struct TenCrops;

/// Pictures of one batch, decoded and preprocessed. Those that could not be read are left out and
/// listed.
struct Batch {
  Tensor input;                      ///< always of the full batch; rows beyond `entries` are zero
  std::vector<std::size_t> entries;  ///< positions in the list, a row of the input each
  std::vector<Image> seen;           ///< what the net sees, before arithmetic
  struct Failure {
    std::size_t entry;
    std::string error;
  };
  std::vector<Failure> failures;
};

/// Reads entries [first, first + count) on `threads` threads. `shape` is the input of a full batch,
/// count at most its n; a picture whose preprocessed extents differ from it is a failure of that
/// picture. With `crops` a picture has ten rows, and what the net sees of it is the frame.
[[nodiscard]] Batch load_batch(std::span<const ImageEntry> list,
                               std::size_t first,
                               std::size_t count,
                               const weights::Preprocess& rule,
                               const Shape& shape,
                               int threads,
                               const TenCrops* crops = nullptr);

}  // namespace cutaway::explain
