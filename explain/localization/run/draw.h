#pragma once

#include <span>
#include <string>
#include <vector>

#include "explain/explanation.h"
#include "explain/localization/run/scene.h"
#include "explain/pictures/image.h"

namespace cutaway::explain {

/// The working picture under the map's heat, true boxes green, the first box found red, the second
/// yellow.
[[nodiscard]] Image draw_boxes(const LocalScene& scene,
                               const Map& map,
                               MapKind kind,
                               std::span<const RealBox> found,
                               std::span<const RealBox> truth);

/// At most `side` pixels a side.
[[nodiscard]] Image thumbnail(const Image& image, int side);

}  // namespace cutaway::explain
