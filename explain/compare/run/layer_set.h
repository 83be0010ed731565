#pragma once

#include <span>
#include <string>
#include <vector>

#include "explain/compare/run/collection.h"
#include "layers/graph.h"

#pragma GCC visibility push(hidden)

namespace cutaway::explain {

/// Layers of a network with a vector a picture each. Borrows from the collection.
struct LayerSet {
  std::vector<const FeatureMatrix*> vectors;
  std::vector<std::string> names;
};

/// The layers of a collection in one representation; those without a plane have but one. The pixels
/// are left out.
[[nodiscard]] LayerSet layers_of(const Collection& set,
                                 const Graph& graph,
                                 Representation representation);

/// A line a pair: layer, other, CKA. `values`: rows x columns.
[[nodiscard]] std::string cka_csv(const LayerSet& rows,
                                  const LayerSet& columns,
                                  std::span<const double> values);

}  // namespace cutaway::explain

#pragma GCC visibility pop
