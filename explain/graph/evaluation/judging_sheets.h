#pragma once

#include <cstdint>

#include "explain/graph/run/scene.h"
#include "explain/runs/run_folder.h"

namespace cutaway::explain {

struct SheetOptions {
  std::int64_t rows{10};     ///< nodes of the graph a layer, and as many raw filters
  std::int64_t patches{10};  ///< a row: the pictures it scores highest in
  std::int64_t best{20};     ///< pictures a node is ranked by
  double patch{70};          ///< pixels where the picture has 224
  std::uint64_t seed{0};
};

/// Sheets on which a person judges how many patches of a row show the same part ("purity of part
/// semantics", Zhang et al., AAAI 2018): LAYER.png, a row a node of the graph or a raw filter, in
/// random order and without saying which. judgement.csv has a line a row to fill in; key.json tells
/// afterwards what each row was. All are claimed.
void write_sheets(const Scene& scene, const SheetOptions& options, RunFolder& folder);

}  // namespace cutaway::explain
