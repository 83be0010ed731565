#include "explain/compare/run/layer_set.h"

#include "explain/evaluate/run/outputs.h"

namespace cutaway::explain {

LayerSet layers_of(const Collection& set, const Graph& graph, Representation representation) {
  LayerSet layers;
  for (const LayerFeatures& f : set.features) {
    const bool wanted = f.maps.plane() == 1 || f.request.representation == representation;
    if (f.request.layer == 0 || !wanted) continue;
    layers.vectors.push_back(&f.vectors);
    layers.names.push_back(graph.node(f.request.layer).name);
  }
  return layers;
}

std::string cka_csv(const LayerSet& rows, const LayerSet& columns, std::span<const double> values) {
  std::string csv = "layer,other,cka\n";
  for (std::size_t i = 0; i < rows.names.size(); ++i) {
    for (std::size_t j = 0; j < columns.names.size(); ++j) {
      csv += csv_field(rows.names[i]) + "," + csv_field(columns.names[j]) + "," +
             csv_value(values[i * columns.names.size() + j]) + "\n";
    }
  }
  return csv;
}

}  // namespace cutaway::explain
