#pragma once

#include <string>

#include "explain/method.h"

namespace cutaway::explain {

/// The frame of an explanation of the target classes, without its map.
[[nodiscard]] inline Explanation of_class(const Passes& passes,
                                          std::string method,
                                          std::string rules,
                                          MapKind kind,
                                          std::string layer = "input") {
  Explanation e;
  e.method = std::move(method);
  e.rules = std::move(rules);
  e.layer = std::move(layer);
  e.kind = kind;
  e.targets.assign(passes.targets().begin(), passes.targets().end());
  return e;
}

}  // namespace cutaway::explain
