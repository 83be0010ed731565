#pragma once

#include <optional>

#include "explain/localization/box.h"
#include "explain/localization/gaussian_mixture.h"

namespace cutaway::explain {

/// Options of GraphCut localisation. The paper gives the two quantiles and nothing else.
struct GraphCutOptions {
  double high{0.95};  ///< pixels above this quantile of the saliency model the foreground
  double low{0.30};   ///< pixels below this one the background
  MixtureOptions mixture;
  double gamma{50.0};      ///< weight of the boundary
  bool hard_seeds{false};  ///< the two sets keep their labels
  /// Cuts; from the second on, the mixtures are those of the last labelling (GrabCut).
  int iterate{1};
};

struct GraphCutResult {
  ByteMap foreground;  ///< 1 inside; of the last cut
  /// Of its largest component; empty only if the saliency is constant and nothing was cut out.
  std::optional<Box> box;
  /// Nothing was cut out: the box of the largest component above the high quantile.
  bool fallback{false};
  double high{0}, low{0};  ///< the quantiles
  double beta{0}, energy{0};
};

/// Weakly supervised localisation (Simonyan et al. 2013, section 3.2): quantiles of the saliency
/// pick pixels for two colour models, a minimum cut over the 8-neighbourhood labels all pixels,
///   E = sum of -ln P(colour | label)
///       + sum over unequal neighbours of gamma exp(-beta |difference|^2) / distance,
/// and the largest component is the object. Picture and map have the same extents. Throws kShape
/// otherwise, kMemory beyond 4 million pixels, kUsage on options out of range and on a map with
/// NaN.
[[nodiscard]] GraphCutResult graph_cut(const Image& picture,
                                       const Map& saliency,
                                       const GraphCutOptions& options = {});

}  // namespace cutaway::explain
