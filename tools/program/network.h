#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "explain/render/image.h"
#include "tools/images/list.h"
#include "weights/package.h"

namespace cutaway::tools {

struct TenCrops;

/// What a verb will do with a package.
enum class Use : std::uint8_t {
  kPictures,  ///< give it pictures: it must say how they become its input
  kStructure  ///< look at it, or feed it tensors
};

/// Loads a package; what is no package gets a hint to convert it first.
[[nodiscard]] weights::Package load_network(const std::string& path, Use use = Use::kPictures);

/// "tench, Tinca tinca" for "n01440764 tench, Tinca tinca"; the number when there are no labels.
[[nodiscard]] std::string label_name(const weights::Package& package, std::int64_t label);

/// Pictures of one batch, decoded and preprocessed. Those that could not be read are left out and
/// listed.
struct Batch {
  Tensor input;                      ///< always of the full batch; rows beyond `entries` are zero
  std::vector<std::size_t> entries;  ///< positions in the list, a row of the input each
  std::vector<explain::Image> seen;  ///< what the net sees, before arithmetic
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

/// Softmax of row n of n x C x 1 x 1 scores, in double.
[[nodiscard]] std::vector<double> probabilities(const Tensor& scores, std::int64_t n);
/// Indices of the k greatest, greatest first; ties by index.
[[nodiscard]] std::vector<std::int64_t> top(std::span<const double> values, std::size_t k);

}  // namespace cutaway::tools
