#include <cstdio>

#include "explain/report/drawing/graph_drawing.h"
#include "layers/average_pool.h"
#include "layers/conv.h"
#include "layers/plan.h"
#include "layers/receptive_field.h"

namespace cutaway::explain {
namespace {

std::string scaled(double value, double base, const char* const* units, int count) {
  int unit = 0;
  while (value >= base * 0.9995 && unit + 1 < count) {
    value /= base;
    ++unit;
  }
  char text[48];
  const char* format = value >= 100 || unit == 0 ? "%.0f" : value >= 10 ? "%.1f" : "%.2f";
  std::snprintf(text, sizeof text, format, value);
  return std::string(text) + (units[unit][0] != '\0' ? std::string(" ") + units[unit] : "");
}

std::string by(std::int64_t a, std::int64_t b) {
  return std::to_string(a) + "x" + std::to_string(b);
}

/// One number where both axes agree.
std::string both(std::int64_t a, std::int64_t b) { return a == b ? std::to_string(a) : by(a, b); }

}  // namespace

std::string short_count(std::int64_t count) {
  constexpr const char* kUnits[] = {"", "k", "M", "G", "T"};
  return scaled(static_cast<double>(count), 1000, kUnits, 5);
}

std::string short_bytes(std::int64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  return scaled(static_cast<double>(bytes), 1024, kUnits, 5);
}

std::string summary_of(const Node& node) {
  const Layer& layer = *node.layer;
  const Window w = layer.window();
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (!w.global && (w.kernel_h * w.kernel_w > 1 || layer.kind() == LayerKind::kConv)) {
    add(by(w.kernel_h, w.kernel_w));
  }
  if (layer.kind() == LayerKind::kConv) add(std::to_string(node.shape.c) + " channels");
  if (layer.kind() == LayerKind::kDense) add(std::to_string(node.shape.c) + " features");
  if (w.global) return text;
  if (w.stride_h != 1 || w.stride_w != 1) add("stride " + both(w.stride_h, w.stride_w));
  if (w.pad_h != 0 || w.pad_w != 0) add("pad " + both(w.pad_h, w.pad_w));
  if (w.dilation_h != 1 || w.dilation_w != 1) add("dilation " + both(w.dilation_h, w.dilation_w));
  if (layer.kind() == LayerKind::kConv) {
    const auto groups = static_cast<const Conv&>(layer).geometry().groups;
    if (groups > 1) add(std::to_string(groups) + " groups");
  }
  return text;
}

GraphMemory memory_of(const Graph& graph) {
  GraphMemory memory;
  for (NodeId id = 0; id < graph.size(); ++id) {
    memory.activations += graph.node(id).shape.count() * 4;
    for (const ParameterSpec& p : graph.parameters(id)) memory.parameters += p.shape.count() * 4;
  }
  const auto planned = [&](bool gradient) {
    PlanRequest request;
    request.guard = false;
    if (gradient) request.backward.emplace_back();
    return static_cast<std::int64_t>(Plan::build(graph, request, kCpuDevice, 1).arena_bytes());
  };
  memory.forward = planned(false);
  memory.gradient = planned(true);
  return memory;
}

std::string to_dot(const Graph& graph, const std::string& title) {
  const auto quoted = [](const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
    return out + "\"";
  };
  std::string out = "digraph " + quoted(title) + " {\n  rankdir=TB;\n" +
                    "  node [shape=box, style=\"rounded,filled\", fillcolor=\"#f4f6f8\", "
                    "fontname=\"Helvetica\", fontsize=11];\n";
  const std::vector<cutaway::Fields> fields = receptive_fields(graph);
  for (NodeId id = 0; id < graph.size(); ++id) {
    const Node& node = graph.node(id);
    const Shape& s = node.shape;
    std::string label = node.name + "\\n" + std::string(node.layer->type());
    const std::string summary = summary_of(node);
    if (!summary.empty()) label += " " + summary;
    label += "\\n" + std::to_string(s.c) + "x" + by(s.h, s.w);
    std::int64_t parameters = 0;
    for (const ParameterSpec& p : graph.parameters(id)) parameters += p.shape.count();
    if (parameters > 0) label += ", " + short_count(parameters) + " parameters";
    char field[64];
    std::snprintf(field, sizeof field, "\\nfield %.6g, jump %.6g",
                  fields[static_cast<std::size_t>(id)].rows.size,
                  fields[static_cast<std::size_t>(id)].rows.jump);
    // The label's own \n must stay; names are escaped by themselves.
    std::string text = quoted(node.name);
    text = text.substr(1, text.size() - 2);
    label = "\"" + text + label.substr(node.name.size()) + field + "\"";
    out += "  n" + std::to_string(id) + " [label=" + label + "];\n";
    for (const NodeId input : node.inputs) {
      out += "  n" + std::to_string(input) + " -> n" + std::to_string(id) + ";\n";
    }
  }
  return out + "}\n";
}

}  // namespace cutaway::explain
