#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "explain/doubt.h"
#include "layers/attributes.h"
#include "runtime/tensor.h"

namespace cutaway::explain {

/// How a map is meant to be looked at.
enum class MapKind : std::uint8_t {
  kHeat,    ///< more is more; values below 0 count as nothing
  kScore,   ///< signed scores where only the order matters (CAM): shown from least to greatest
  kSigned,  ///< evidence for and against, centred at 0
  kReconstruction  ///< input channels around 0: deconvnet, guided backpropagation
};

/// What Explanation::targets counts.
enum class TargetKind : std::uint8_t {
  kClass,  ///< classes
  kUnit,   ///< channels of the layer
  kNone    ///< classes of the run, on which the map does not depend
};

/// The result of one method on a batch. `map` is n x 1 x h x w (n x C x H x W for reconstructions),
/// plain float32 on the CPU, raw: no normalisation, no upsampling.
struct Explanation {
  std::string method, rules, layer;
  MapKind kind{MapKind::kHeat};
  TargetKind target{TargetKind::kClass};
  Tensor map;
  std::vector<std::int64_t> targets;  ///< class, or channel of the seeded unit, an image
  std::vector<std::string> notes;     ///< an image: "unit 17 at (3, 5), value 12.3"
  /// An image: what was measured, such as the completeness residual.
  std::vector<Attributes> measures;
  Attributes options;  ///< every parameter, for the manifest
  /// An image: what makes its map meaningless or empty. Filled by Session.
  std::vector<Doubt> doubts;
};

}  // namespace cutaway::explain
