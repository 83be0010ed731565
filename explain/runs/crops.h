#pragma once

#include <optional>
#include <string>

#include "explain/crops/merge_crops.h"
#include "explain/report/named_values.h"
#include "runtime/layout.h"
#include "weights/preprocess.h"

namespace cutaway::explain {

/// What a user says about crops.
struct CropOptions {
  std::string crops{"one"};  ///< "one": the package's own crop; "ten"
  std::string merge{"coverage_mean"}, order{"matlab"}, resample{"bilinear"};
  /// "package": as its rule, to the frame; "warp": the CAM authors'.
  std::string resize{"package"};
  /// Side; 0: 256 for nets of 192 to 255 pixels, 8/7 of the net's otherwise.
  std::int64_t frame{0};
};

/// Ten crops of a square frame that `frame` makes of a picture.
struct TenCrops {
  CropPlan plan;
  weights::Preprocess frame;
  /// For the manifest, and to know the run again.
  [[nodiscard]] NamedValues fields() const;
};

/// Empty for one crop. `input`: the net's. Throws kUsage on unknown words and a frame below the
/// net's input, kUnsupported when that is not square.
[[nodiscard]] std::optional<TenCrops> choose_crops(const CropOptions& options,
                                                   const weights::Preprocess& rule,
                                                   const Shape& input);

/// Writes the ten crops of a frame to rows 10 n to 10 n + 9 of a batch. Throws like fill_input.
void fill_crops(const Image& frame, const TenCrops& crops, View<float> batch, std::int64_t n);

}  // namespace cutaway::explain
