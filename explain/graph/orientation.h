#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "explain/graph/config.h"
#include "explain/graph/feature_maps.h"
#include "explain/graph/layer_pass.h"
#include "explain/graph/records.h"
#include "runtime/stream.h"

namespace cutaway::explain::graph {

/// How much more the mirrored orientation explains than the other, for each image, of the total
/// scores of the same nodes in both; positive: take it mirrored. Depends on no other image.
[[nodiscard]] std::vector<double> mirror_gain(const Records& as_is,
                                              const Records& mirrored,
                                              Orientation criterion);

/// 1 for each image whose mirrored features gain. `pass` is set up, without parents; `mu_h`, `mu_w`
/// are its nodes' places, cells. Needs mirrored features.
[[nodiscard]] std::vector<std::uint8_t> better_orientations(LayerPass& pass,
                                                            Stream& stream,
                                                            const FeatureMaps& features,
                                                            std::span<const float> mu_h,
                                                            std::span<const float> mu_w,
                                                            Orientation criterion);

}  // namespace cutaway::explain::graph
