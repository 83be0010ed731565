#pragma once

#include <string>

#include "explain/explanation.h"
#include "explain/runs/cell.h"
#include "explain/runs/paint.h"
#include "weights/package.h"

namespace cutaway::explain {

/// Image n of an explanation as a cell; `target` is the rule's word. `class_wanted`: the class that
/// was asked for.
[[nodiscard]] MapCell cell_of(const Explanation& e,
                              std::size_t n,
                              const std::string& target,
                              std::int64_t class_wanted,
                              const weights::Package& package);

/// A cell that holds no map, and why.
[[nodiscard]] MapCell empty_cell(const Explanation& e,
                                 const std::string& target,
                                 const std::string& why);

/// The maps of a method for the predicted and the expected class, side by side: gives both one
/// scale, and returns predicted - expected on that scale, symmetric about 0. Equal maps give a
/// difference of zeros.
[[nodiscard]] MapCell compare(MapCell& predicted, MapCell& expected, const PaintOptions& options);

}  // namespace cutaway::explain
