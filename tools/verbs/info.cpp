#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "explain/network.h"
#include "explain/promise.h"
#include "explain/report/drawing/graph_drawing.h"
#include "explain/report/layer_table.h"
#include "explain/report/named_values.h"
#include "explain/runs/load_network.h"
#include "kernels/library.h"
#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "runtime/files/output_check.h"
#include "tools/program/output.h"
#include "tools/verbs/verbs.h"

namespace cutaway::tools {

using namespace explain;
namespace {

struct Options {
  std::string model, dot, svg;
  bool overwrite{false};
};

/// "321 MiB  gradcam, layercam", a line a number.
void print_methods(const std::vector<MemoryPromise>& promises) {
  std::vector<std::pair<std::string, std::string>> groups;
  for (const MemoryPromise& p : promises) {
    const std::string bytes = short_bytes(static_cast<std::int64_t>(p.total()));
    const auto known =
        std::ranges::find_if(groups, [&](const auto& group) { return group.first == bytes; });
    if (known == groups.end()) {
      groups.emplace_back(bytes, p.method);
    } else {
      known->second += ", " + p.method;
    }
  }
  if (!groups.empty()) std::printf("memory that a process takes to explain one image:\n");
  for (const auto& [bytes, methods] : groups)
    std::printf("  %10s  %s\n", bytes.c_str(), methods.c_str());
}

void print_table(const weights::Package& package,
                 const std::vector<LayerRow>& rows,
                 const std::vector<MemoryPromise>& promises) {
  std::printf("%-28s %-20s %-14s %12s %12s %9s %6s\n", "layer", "type", "output", "parameters",
              "MACs", "field", "jump");
  for (const LayerRow& r : rows) {
    std::printf("%-28s %-20s %-14s %12lld %12lld %9.0f %6.0f\n", r.name.c_str(), r.type.c_str(),
                r.output.c_str(), static_cast<long long>(r.parameters),
                static_cast<long long>(r.macs), r.field.size, r.field.jump);
  }
  const Graph& graph = package.model.graph;
  std::printf("\n%lld parameters, %.3f GMAC an image, weights %s\n",
              static_cast<long long>(graph.parameter_count()),
              static_cast<double>(graph.macs()) * 1e-9,
              weights::weights_hash(package.model).c_str());
  const GraphMemory memory = memory_of(graph);
  std::printf("memory for one image: %s parameters, %s to run, %s with the gradient\n",
              short_bytes(memory.parameters).c_str(), short_bytes(memory.forward).c_str(),
              short_bytes(memory.gradient).c_str());
  print_methods(promises);
  for (const NamedValue& field : fields_of(package.preprocess)) {
    std::printf("preprocess %s: %s\n", field.name.c_str(), to_text(field.value).c_str());
  }
  std::printf("labels: %zu\nsource: %s %s\nmade by: %s\n", package.labels.size(),
              package.provenance.source_format.c_str(), package.provenance.source_file.c_str(),
              package.provenance.command.c_str());
}

void draw(const weights::Package& package, const Options& o) {
  const Graph& graph = package.model.graph;
  const std::string name = std::filesystem::path(o.model).filename().string();
  if (!o.dot.empty()) files::write_file_atomically(o.dot, to_dot(graph, name));
  if (!o.svg.empty())
    files::write_file_atomically(o.svg, to_svg(graph, drawing_text(package, name)));
}

/// Empty for nets that do not end in class scores, which no method explains.
std::vector<MemoryPromise> promises_of(const Graph& graph, const Context& context) {
  Session::Options options;
  options.budget = context.common.share_of_memory();
  try {
    (void)class_count(graph);
  } catch (const Error&) {
    return {};
  }
  return promised_memory(graph, options);
}

int info(const Options& o, const Context& context) {
  if (o.model.empty()) {
    const CudaStatus cuda = cuda_status();
    std::printf("%s\nCPU threads: %d\nCPU kernels: %s\nCPU library: %s\nCUDA devices: %d%s%s\n",
                version_text().c_str(), CpuStream(context.common.threads).threads(),
                cpu_level_text().c_str(), kernels::cpu_library_text().c_str(), cuda.count,
                cuda.reason.empty() ? "" : ", ", cuda.reason.c_str());
    return kExitOk;
  }
  files::check_outputs(
      {.reads = {o.model}, .writes = {o.dot, o.svg}, .folders = {}, .overwrite = o.overwrite});
  const weights::Package package = load_network(o.model, Use::kStructure);
  draw(package, o);
  const std::vector<LayerRow> rows = layer_table(package.model.graph);
  const std::vector<MemoryPromise> promises = promises_of(package.model.graph, context);
  if (!context.common.json) {
    print_table(package, rows, promises);
    return kExitOk;
  }
  Json layers = Json::array();
  for (const LayerRow& r : rows) {
    layers.push_back({{"name", r.name},
                      {"type", r.type},
                      {"inputs", r.inputs},
                      {"output", r.output},
                      {"parameters", r.parameters},
                      {"macs", r.macs},
                      {"receptive_field", r.field.size},
                      {"jump", r.field.jump},
                      {"center", r.field.center}});
  }
  const GraphMemory memory = memory_of(package.model.graph);
  Json methods = Json::object();
  for (const MemoryPromise& p : promises) methods[p.method] = p.total();
  const Json result{{"parameters", package.model.graph.parameter_count()},
                    {"macs", package.model.graph.macs()},
                    {"weights_hash", weights::weights_hash(package.model)},
                    {"memory",
                     {{"parameters", memory.parameters},
                      {"activations", memory.activations},
                      {"forward", memory.forward},
                      {"gradient", memory.gradient},
                      {"methods", methods}}},
                    {"labels", package.labels.size()},
                    {"layers", layers}};
  print_json(result);
  return kExitOk;
}

}  // namespace

void add_info(Command& program, Context& context) {
  auto o = std::make_shared<Options>();
  Command& verb =
      program.add_subcommand("info", "Layers, shapes, receptive fields, costs of a model");
  verb.footer(
      "example: cutaway info googlenet.h5 --svg googlenet.svg; without a model: this build and its "
      "devices");
  verb.add_option("model", o->model, "a Cutaway package");
  verb.add_option("--svg", o->svg, "draw the graph into this file").needs("model");
  verb.add_option("--dot", o->dot, "write the graph for Graphviz into this file").needs("model");
  verb.add_flag("--overwrite", o->overwrite, "replace existing drawings");
  verb.callback([o, &context] { context.action = [o, &context] { return info(*o, context); }; });
}

}  // namespace cutaway::tools
