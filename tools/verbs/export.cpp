#include <cstdio>
#include <nlohmann/json.hpp>

#include "explain/runs/load_network.h"
#include "runtime/files/output_check.h"
#include "tools/program/command.h"
#include "tools/verbs/verbs.h"
#include "weights/export/exporters.h"

namespace cutaway::tools {

using namespace explain;
namespace {

struct Options {
  std::string model, target, format;
  bool overwrite{false};
};

int export_model(const Options& o, const Context& context) {
  const weights::Exporter& exporter = weights::find_exporter(o.target, o.format);
  files::check_outputs(
      {.reads = {o.model}, .writes = {o.target}, .folders = {}, .overwrite = o.overwrite});
  const weights::Package package = load_network(o.model, Use::kStructure);
  exporter.write(package, o.target);
  if (context.common.json) {
    const nlohmann::ordered_json result{{"model", o.model},
                                        {"output", o.target},
                                        {"format", exporter.name},
                                        {"weights_hash", weights::weights_hash(package.model)}};
    std::printf("%s\n", result.dump(2).c_str());
  } else {
    std::printf("%s: %lld parameters as %s\n", o.target.c_str(),
                static_cast<long long>(package.model.graph.parameter_count()), exporter.name);
  }
  return kExitOk;
}

std::string format_names() {
  std::string text = "instead of the output's extension:";
  for (const weights::Exporter& e : weights::exporters()) {
    text += std::string(" ") + e.name + " (" + e.extension + ")";
  }
  return text;
}

}  // namespace

void add_export(Command& program, Context& context) {
  auto o = std::make_shared<Options>();
  Command& verb =
      program.add_subcommand("export", "Write a Cutaway package in another framework's format");
  verb.footer("example: cutaway export googlenet.h5 googlenet.onnx");
  verb.add_option("model", o->model, "a Cutaway package").required();
  verb.add_option("output", o->target, "the file to write; its extension tells the format")
      .required();
  verb.add_option("--format", o->format, format_names());
  verb.add_flag("--overwrite", o->overwrite, "replace an existing file");
  verb.callback(
      [o, &context] { context.action = [o, &context] { return export_model(*o, context); }; });
}

}  // namespace cutaway::tools
