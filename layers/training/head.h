#pragma once

#include <cstdint>
#include <string>

#include "layers/model.h"
#include "layers/training/initialize.h"

namespace cutaway {

/// The end of a classifier.
enum class HeadKind : std::uint8_t {
  kAverage,  ///< global average pooling, dense, softmax (Zhou et al. 2016): for class maps
  kMax,      ///< global max pooling, dense, softmax (Oquab et al. 2015)
  kDense     ///< flatten, dense, softmax
};

struct HeadOptions {
  HeadKind kind{HeadKind::kAverage};
  std::int64_t classes{2};
  /// The layer that the head reads. Empty: default_layer(graph), the last maps before the
  /// classifier; an existing head's own maps where it pools globally.
  std::string from{};
  float dropout{0.0f};  ///< before the dense layer
  /// Above 0: masks every map around its strongest position before the pooling
  /// (layers/template_mask.h), as the interpretable CNN does (Zhang et al. 2018); the published
  /// value is 4.
  double mask_beta{0.0};
  InitialWeights initial{InitialWeights::kHe};
  std::uint64_t seed{0};
};

/// A copy of `model` in which everything above the head's layer is replaced by a new head, for
/// other classes. Layers that the head's layer does not depend on are left out. Throws kUsage for
/// an unknown layer, kUnsupported when a net has no maps, kInput for options outside their ranges.
[[nodiscard]] Model replace_head(const Model& model, const HeadOptions& options);

}  // namespace cutaway
