#pragma once

#include <string>
#include <vector>

#include "explain/graph/evaluation/evaluate_graph.h"

namespace cutaway::explain {

/// Share of a disc and a box, both cut off at the picture, that is in both: intersection over
/// union, counted in pixels.
[[nodiscard]] double disc_overlap(double x, double y, double radius, const PixelBox& box, int side);

/// How much of what a node points at is one part, without a person who judges (a proxy after Zhang,
/// Wu, Zhu, "Interpretable convolutional neural networks", CVPR 2018, section 5): a node points at
/// a disc around its place, of the radius of half a patch (35 pixels where the picture has 224), in
/// the pictures of its best scores: 0.5 % of all cells of all pictures, one a picture at most. It
/// is on a part where intersection over union of disc and box exceed 0.2. P is the share of the
/// pictures that show the part in which it is, for the part for which that is most. Filters point
/// at their maximum.
[[nodiscard]] std::vector<FilterRow> measure_discs(const Scene& scene,
                                                   const std::vector<std::string>& parts,
                                                   const GraphEvaluationOptions& options);

}  // namespace cutaway::explain
