#pragma once

#include <span>
#include <string>
#include <vector>

#include "explain/explanation.h"
#include "explain/render/image.h"
#include "tools/localizing/scene.h"

namespace cutaway::tools {

/// The working picture under the map's heat, true boxes green, the first box found red, the second
/// yellow.
[[nodiscard]] explain::Image draw_boxes(const LocalScene& scene,
                                        const explain::Map& map,
                                        explain::MapKind kind,
                                        std::span<const explain::RealBox> found,
                                        std::span<const explain::RealBox> truth);

/// At most `side` pixels a side.
[[nodiscard]] explain::Image thumbnail(const explain::Image& image, int side);

}  // namespace cutaway::tools
