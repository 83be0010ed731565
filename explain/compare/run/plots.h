#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "explain/compare/feature_matrix.h"
#include "explain/pictures/image.h"

namespace cutaway::explain {

/// Pictures of small nets at a size where their captions fit.
[[nodiscard]] Image enlarged(const Image& image);

/// Points in the plane with a small picture each, framed in the colour of its class; an SVG of 900
/// x 700 whose pictures are inside (base64). Points beyond `most_pictures` are dots. `classes`: one
/// a point; negative: unknown.
[[nodiscard]] std::string scatter_svg(const std::string& title,
                                      const FeatureMatrix& points,
                                      std::span<const std::int64_t> classes,
                                      std::span<const Image> pictures,
                                      std::size_t most_pictures = 400);

/// A rows x columns matrix of values in [low, high] as coloured cells with their names and numbers.
[[nodiscard]] std::string matrix_svg(const std::string& title,
                                     const std::vector<std::string>& rows,
                                     const std::vector<std::string>& columns,
                                     std::span<const double> values,
                                     double low,
                                     double high);

}  // namespace cutaway::explain
