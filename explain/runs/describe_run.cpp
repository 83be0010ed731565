#include "explain/runs/describe_run.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "explain/network.h"
#include "explain/runs/load_network.h"
#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "runtime/files/output_check.h"

namespace cutaway::explain {
namespace {

void draw(const weights::Package& package, const DescribeJob& job) {
  const Graph& graph = package.model.graph;
  const std::string name = std::filesystem::path(job.model).filename().string();
  if (!job.dot.empty()) files::write_file_atomically(job.dot, to_dot(graph, name));
  if (!job.svg.empty())
    files::write_file_atomically(job.svg, to_svg(graph, drawing_text(package, name)));
}

std::vector<MemoryPromise> promises_of(const Graph& graph, const RunSettings& settings) {
  Session::Options options;
  options.budget = settings.share_of_memory();
  try {
    (void)class_count(graph);
  } catch (const Error&) {
    return {};
  }
  return promised_memory(graph, options);
}

}  // namespace

NetDescription run_describe(const DescribeJob& job, const RunContext& context) {
  files::check_outputs({.reads = {job.model},
                        .writes = {job.dot, job.svg},
                        .folders = {},
                        .overwrite = job.overwrite});
  weights::Package package = load_network(job.model, Use::kStructure);
  draw(package, job);
  const Graph& graph = package.model.graph;
  std::vector<LayerRow> layers = layer_table(graph);
  const GraphMemory memory = memory_of(graph);
  std::vector<MemoryPromise> promises = promises_of(graph, context.settings);
  return {std::move(package), std::move(layers), memory, std::move(promises)};
}

std::string description_json(const NetDescription& net) {
  using Json = nlohmann::ordered_json;
  Json layers = Json::array();
  for (const LayerRow& r : net.layers) {
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
  Json methods = Json::object();
  for (const MemoryPromise& p : net.promises) methods[p.method] = p.total();
  const Model& model = net.package.model;
  const Json all{{"parameters", model.graph.parameter_count()},
                 {"macs", model.graph.macs()},
                 {"weights_hash", weights::weights_hash(model)},
                 {"memory",
                  {{"parameters", net.memory.parameters},
                   {"activations", net.memory.activations},
                   {"forward", net.memory.forward},
                   {"gradient", net.memory.gradient},
                   {"methods", methods}}},
                 {"labels", net.package.labels.size()},
                 {"layers", layers}};
  return all.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace cutaway::explain
