#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "explain/report/drawing/graph_drawing.h"
#include "layers/receptive_field.h"
#include "weights/package.h"

namespace cutaway::explain {

/// One layer of a net as tables and drawings show it.
struct LayerRow {
  std::string name, type;
  std::string output;  ///< "64x56x56", channels first
  std::string inputs;  ///< names, with blanks between
  std::int64_t parameters{0};
  std::int64_t macs{0};  ///< multiply-adds an image
  cutaway::Field field;  ///< of one output on the net's input, along the rows
};
[[nodiscard]] std::vector<LayerRow> layer_table(const Graph& graph);

/// What stands above a drawing of the net: costs, preprocessing, labels and where it comes from.
[[nodiscard]] DrawingText drawing_text(const weights::Package& package, const std::string& name);

}  // namespace cutaway::explain
