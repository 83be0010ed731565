#include "explain/report/layer_table.h"

#include "explain/report/named_values.h"
#include "runtime/buffer.h"

namespace cutaway::explain {
namespace {

std::string preprocessing_line(const weights::Package& package) {
  std::string text = "preprocessing:";
  for (const NamedValue& field : fields_of(package.preprocess)) {
    text += " " + field.name + " " + to_text(field.value) + ";";
  }
  text.pop_back();
  return text;
}

}  // namespace

std::vector<LayerRow> layer_table(const Graph& graph) {
  const std::vector<cutaway::Fields> fields = receptive_fields(graph);
  std::vector<LayerRow> rows;
  for (NodeId id = 0; id < graph.size(); ++id) {
    const Node& node = graph.node(id);
    LayerRow row;
    row.name = node.name;
    row.type = node.layer->type();
    row.field = fields[static_cast<std::size_t>(id)].rows;
    const Shape& s = node.shape;
    row.output = std::to_string(s.c) + "x" + std::to_string(s.h) + "x" + std::to_string(s.w);
    std::vector<Shape> in;
    for (const NodeId input : node.inputs) {
      row.inputs += (row.inputs.empty() ? "" : " ") + graph.node(input).name;
      in.push_back(graph.node(input).shape);
    }
    for (const ParameterSpec& p : graph.parameters(id)) row.parameters += p.shape.count();
    row.macs = node.layer->macs(in);
    rows.push_back(std::move(row));
  }
  return rows;
}

DrawingText drawing_text(const weights::Package& package, const std::string& name) {
  const Graph& graph = package.model.graph;
  const GraphMemory memory = memory_of(graph);
  DrawingText text{name, {}};
  text.lines.push_back(short_count(graph.parameter_count()) + " parameters (" +
                       short_bytes(memory.parameters) + "), " + short_count(graph.macs()) +
                       " multiply-adds an image; one image takes " + short_bytes(memory.forward) +
                       ", with the gradient " + short_bytes(memory.gradient));
  text.lines.push_back(preprocessing_line(package));
  text.lines.push_back("labels: " + std::to_string(package.labels.size()) + "; weights " +
                       weights::weights_hash(package.model) + "; source: " +
                       package.provenance.source_format + " " + package.provenance.source_file);
  return text;
}

}  // namespace cutaway::explain
