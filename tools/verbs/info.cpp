#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "runtime/buffer.h"
#include "layers/receptive_field.h"
#include "tools/program/network.h"
#include "tools/report/fields.h"
#include "tools/verbs/verbs.h"

namespace cutaway::tools {
namespace {

struct Row {
  std::string name, type, output, inputs;
  std::int64_t parameters{0}, macs{0};
  cutaway::Field field;  // along the rows
};

std::vector<Row> rows_of(const Graph& graph) {
  const std::vector<cutaway::Fields> fields = receptive_fields(graph);
  std::vector<Row> rows;
  for (NodeId id = 0; id < graph.size(); ++id) {
    const Node& node = graph.node(id);
    Row row{node.name, std::string(node.layer->type()), {}, {}, 0, 0,
            fields[static_cast<std::size_t>(id)].rows};
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

void print_table(const weights::Package& package, const std::vector<Row>& rows) {
  std::printf("%-28s %-20s %-14s %12s %12s %9s %6s\n", "layer", "type", "output", "parameters", "MACs",
              "field", "jump");
  for (const Row& r : rows) {
    std::printf("%-28s %-20s %-14s %12lld %12lld %9.0f %6.0f\n", r.name.c_str(), r.type.c_str(),
                r.output.c_str(), static_cast<long long>(r.parameters),
                static_cast<long long>(r.macs), r.field.size, r.field.jump);
  }
  const Graph& graph = package.model.graph;
  std::printf("\n%lld parameters, %.3f GMAC an image, weights %s\n",
              static_cast<long long>(graph.parameter_count()), static_cast<double>(graph.macs()) * 1e-9,
              weights::weights_hash(package.model).c_str());
  for (const Field& field : fields_of(package.preprocess)) {
    std::printf("preprocess %s: %s\n", field.name.c_str(), to_text(field.value).c_str());
  }
  std::printf("labels: %zu\nsource: %s %s\nmade by: %s\n", package.labels.size(),
              package.provenance.source_format.c_str(), package.provenance.source_file.c_str(),
              package.provenance.command.c_str());
}

int info(const std::string& path, const Context& context) {
  if (path.empty()) {
    const CudaStatus cuda = cuda_status();
    std::printf("%s\nCPU threads: %d\nCUDA devices: %d%s%s\n", version_text().c_str(),
                CpuStream(context.common.threads).threads(), cuda.count, cuda.reason.empty() ? "" : ", ",
                cuda.reason.c_str());
    return kExitOk;
  }
  const weights::Package package = load_network(path, Use::kStructure);
  const std::vector<Row> rows = rows_of(package.model.graph);
  if (!context.common.json) {
    print_table(package, rows);
    return kExitOk;
  }
  using Json = nlohmann::ordered_json;
  Json layers = Json::array();
  for (const Row& r : rows) {
    layers.push_back({{"name", r.name}, {"type", r.type}, {"inputs", r.inputs}, {"output", r.output},
                      {"parameters", r.parameters}, {"macs", r.macs}, {"receptive_field", r.field.size},
                      {"jump", r.field.jump}, {"center", r.field.center}});
  }
  const Json result{{"parameters", package.model.graph.parameter_count()},
                    {"macs", package.model.graph.macs()},
                    {"weights_hash", weights::weights_hash(package.model)},
                    {"labels", package.labels.size()},
                    {"layers", layers}};
  std::printf("%s\n", result.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  return kExitOk;
}

}  // namespace

void add_info(CLI::App& program, Context& context) {
  auto path = std::make_shared<std::string>();
  CLI::App* verb = program.add_subcommand("info", "Layers, shapes, receptive fields, costs of a model");
  verb->footer("example: cutaway info googlenet.h5; without a model: this build and its devices");
  verb->add_option("model", *path, "a Cutaway package");
  verb->callback([path, &context] { context.action = [path, &context] { return info(*path, context); }; });
}

}  // namespace cutaway::tools
