#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "explain/training/data/labelled.h"

namespace cutaway::training {

/// Which pictures are trained on and which are held back.
struct DivisionOptions {
  /// Pictures of this split are the validation pictures. Empty: those of split validation; where
  /// there are none, `part` of the training pictures of every class, drawn from `seed`.
  std::optional<Split> held_back{};
  double part{0.1};
  std::int64_t per_class{0};  ///< above 0: at most so many training pictures a class, drawn
  std::uint64_t seed{0};
};

/// Numbers of pictures in LabelledSet::pictures, rising.
struct Division {
  std::vector<std::int64_t> train, validation, test;
};

/// Every class keeps at least one training picture. Throws kInput when the set has fewer than two
/// classes, when a class has no training picture, and when the split held back has none at all.
[[nodiscard]] Division divide(const LabelledSet& set, const DivisionOptions& options);

}  // namespace cutaway::training
