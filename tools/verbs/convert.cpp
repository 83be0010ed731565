#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "runtime/error.h"
#include "tools/verbs/verbs.h"
#include "weights/import/caffe_hdf5.h"
#include "weights/labels.h"
#include "weights/package.h"
#include "weights/zoo/zoo.h"

namespace cutaway::tools {
namespace {

struct Options {
  std::string architecture, source, target, labels;
  std::vector<std::string> allow_missing, allow_unused;
  std::int64_t classes{0};
  bool overwrite{false};
};

/// A package may be replaced by a package; anything else under that name is somebody's file.
void check_target(const Options& o) {
  std::error_code ignored;
  if (!std::filesystem::exists(o.target, ignored) || o.overwrite) return;
  if (weights::is_package(o.target)) return;
  throw Error(ErrorKind::kUsage, "the output exists and is no Cutaway package")
      .at(o.target)
      .hint("choose another name, or --overwrite");
}

void check_labels(const weights::Package& package, const std::string& file) {
  const auto classes = static_cast<std::size_t>(package.model.graph.node(package.model.graph.last()).shape.c);
  if (package.labels.size() == classes) return;
  throw Error(ErrorKind::kInput, "number of labels")
      .at(file)
      .expected(std::to_string(classes) + ", one a class")
      .got(std::to_string(package.labels.size()));
}

int convert(const Options& o, const Context& context) {
  check_target(o);
  weights::ZooNet net = weights::build_zoo(o.architecture, {o.classes});
  weights::ImportOptions import_options{o.allow_missing, o.allow_unused};
  weights::Imported imported =
      weights::import_caffe_hdf5(o.source, std::move(net.graph), import_options);
  weights::Package package{std::move(imported.model), net.preprocess, {}, {}};
  if (!o.labels.empty()) {
    package.labels = weights::read_labels(o.labels);
    check_labels(package, o.labels);
  }
  std::string command = "cutaway";
  for (const std::string& word : context.argv) command += " " + word;
  package.provenance = {imported.report.format, imported.report.source_file,
                        imported.report.source_sha256, {}, command};
  weights::save(package, o.target);
  if (context.common.json) {
    const nlohmann::ordered_json result{
        {"model", o.target},
        {"architecture", o.architecture},
        {"parameters", package.model.graph.parameter_count()},
        {"imported", imported.report.rows.size()},
        {"missing", imported.report.missing},
        {"ignored", imported.report.ignored},
        {"weights_hash", weights::weights_hash(package.model)}};
    std::printf("%s\n", result.dump(2).c_str());
  } else {
    std::fputs(weights::to_text(imported.report).c_str(), stdout);
    std::printf("%s: %lld parameters of %s\n", o.target.c_str(),
                static_cast<long long>(package.model.graph.parameter_count()), o.architecture.c_str());
  }
  if (package.labels.empty()) context.warn("no --labels: classes will be numbers");
  return kExitOk;
}

std::string architectures() {
  std::string text = "one of:";
  for (const weights::ZooEntry& entry : weights::zoo()) text += std::string(" ") + entry.name;
  return text;
}

}  // namespace

void add_convert(CLI::App& program, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = program.add_subcommand("convert", "Import weights into a Cutaway package");
  verb->footer("example: cutaway convert --architecture googlenet-caffe weights.h5 googlenet.h5 "
               "--labels imagenet_labels.txt");
  verb->add_option("source", o->source, "weights in Caffe's HDF5 layout")->required();
  verb->add_option("target", o->target, "the package to write")->required();
  verb->add_option("--architecture", o->architecture, architectures())->required();
  verb->add_option("--labels", o->labels, "text file: line k names class k");
  verb->add_option("--classes", o->classes, "number of classes, if not the architecture's own");
  verb->add_option("--allow-missing", o->allow_missing, "layers whose parameters may be absent")
      ->delimiter(',');
  verb->add_option("--allow-unused", o->allow_unused, "groups of the source to leave out")
      ->delimiter(',');
  verb->add_flag("--overwrite", o->overwrite, "replace any existing file");
  verb->callback([o, &context] { context.action = [o, &context] { return convert(*o, context); }; });
}

}  // namespace cutaway::tools
