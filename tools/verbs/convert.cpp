#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "tools/verbs/verbs.h"
#include "weights/import/binary_file.h"
#include "weights/import/formats.h"
#include "weights/import/importer.h"
#include "weights/labels.h"
#include "weights/package.h"
#include "weights/preprocess_json.h"
#include "weights/preprocess_presets.h"
#include "weights/zoo/zoo.h"

namespace cutaway::tools {
namespace {

struct Options {
  std::vector<std::string> files;  // sources, then the target
  std::string format, output, architecture, labels, preprocess, map, report;
  weights::ImportOptions import;
  std::int64_t classes{0};
  bool overwrite{false};
};

/// A package may be replaced by a package; anything else under that name is somebody's file.
void check_target(const std::string& target, const Options& o) {
  std::error_code ignored;
  for (std::size_t i = 0; i + 1 < o.files.size(); ++i) {
    if (std::filesystem::equivalent(o.files[i], target, ignored)) {
      throw Error(ErrorKind::kUsage, "the output is one of the sources").at(target);
    }
  }
  if (!std::filesystem::exists(target, ignored) || o.overwrite) return;
  if (weights::is_package(target)) return;
  throw Error(ErrorKind::kUsage, "the output exists and is no Cutaway package")
      .at(target)
      .hint("choose another name, or --overwrite");
}

void check_labels(const weights::Package& package, const std::string& file) {
  const auto classes =
      static_cast<std::size_t>(package.model.graph.node(package.model.graph.last()).shape.c);
  if (package.labels.size() == classes) return;
  throw Error(ErrorKind::kInput, "number of labels")
      .at(file)
      .expected(std::to_string(classes) + ", one a class")
      .got(std::to_string(package.labels.size()));
}

bool is_bgr(const std::string& architecture) {
  return weights::build_zoo(architecture).preprocess.order == weights::ColorOrder::kBgr;
}

/// The architecture of a source that brings none: the one whose every parameter the source fills.
std::string find_architecture(const weights::Source& source, const Options& o) {
  const std::vector<weights::Fit> fits = weights::fitting_architectures(source, o.import);
  std::vector<std::string> perfect;
  for (const weights::Fit& fit : fits) {
    if (fit.problems == 0) perfect.push_back(fit.architecture);
  }
  // Same layers, other colours: a framework that reads RGB means its own variant.
  if (perfect.size() > 1 && source.rgb) {
    std::vector<std::string> rgb = perfect;
    std::erase_if(rgb, is_bgr);
    if (!rgb.empty()) perfect = rgb;
  }
  if (perfect.size() == 1) return perfect[0];
  std::string names;
  for (const std::string& name : perfect) names += (names.empty() ? "" : ", ") + name;
  if (!perfect.empty()) {
    throw Error(ErrorKind::kInput, "several architectures fit: " + names)
        .at(o.files[0])
        .hint("choose one with --architecture");
  }
  throw Error(ErrorKind::kInput, "the file has no architecture, and none that is known fits it")
      .at(o.files[0])
      .hint("nearest is --architecture " + fits[0].architecture + ", with " +
            std::to_string(fits[0].problems) + " problem(s), first: " + fits[0].first);
}

struct Target {
  Graph graph;
  weights::Preprocess preprocess;
  std::string architecture;  // its name in the zoo; empty for the file's own
};

Target find_target(const weights::Source& source, const Options& o) {
  if (o.architecture.empty() && source.graph) {
    weights::Preprocess undeclared;
    undeclared.declared = false;
    return {*source.graph, source.preprocess.value_or(undeclared), ""};
  }
  const std::string name = o.architecture.empty() ? find_architecture(source, o) : o.architecture;
  weights::ZooNet net = weights::build_zoo(name, {o.classes});
  // The architecture's own preprocessing is that of its original weights; these come from
  // elsewhere.
  if (source.rgb && net.preprocess.order == weights::ColorOrder::kBgr)
    net.preprocess.declared = false;
  return {std::move(net.graph), net.preprocess, name};
}

weights::Preprocess chosen_preprocess(const std::string& choice, const Shape& input) {
  if (!choice.ends_with(".json")) return weights::preprocess_preset(choice, input);
  const weights::BinaryFile file = weights::BinaryFile::open(choice);
  if (file.size() > (std::uint64_t{1} << 20)) {
    throw Error(ErrorKind::kInput, "too long for a description of preprocessing").at(choice);
  }
  return weights::preprocess_from_json(file.text_at(0, file.size()));
}

void print_result(const std::string& target,
                  const Target& net,
                  const weights::ImportReport& report,
                  const Context& context) {
  const std::int64_t parameters = net.graph.parameter_count();
  const std::string name = net.architecture.empty() ? "the file's own net" : net.architecture;
  if (!context.common.json) {
    std::fputs(weights::to_text(report).c_str(), stdout);
    std::printf("%s: %lld parameters of %s\n", target.c_str(), static_cast<long long>(parameters),
                name.c_str());
    return;
  }
  nlohmann::ordered_json result{{"model", target},
                                {"format", report.format},
                                {"architecture", net.architecture},
                                {"parameters", parameters},
                                {"imported", report.rows.size()},
                                {"missing", report.missing}};
  result["ignored"] = nlohmann::ordered_json::array();
  for (const weights::UnusedRow& row : report.unused) result["ignored"].push_back(row.source);
  result["report"] = nlohmann::ordered_json::parse(weights::to_json(report));
  std::printf("%s\n", result.dump(2).c_str());
}

int convert(const Options& o, const Context& context) {
  const std::string target = o.files.back();
  check_target(target, o);
  const weights::Source source =
      weights::open_source({o.files.begin(), o.files.end() - 1}, o.format, o.output);
  Target net = find_target(source, o);
  weights::Bindings bindings = source.bind(net.graph, net.architecture);
  if (!o.map.empty()) weights::apply_map(o.map, source, net.graph, bindings);
  weights::Package header{Model(net.graph), net.preprocess, source.labels, {}};
  if (!o.preprocess.empty()) {
    header.preprocess = chosen_preprocess(o.preprocess, net.graph.node(0).shape);
  }
  if (!o.labels.empty()) {
    header.labels = weights::read_labels(o.labels);
    check_labels(header, o.labels);
  }
  header.provenance.command = "cutaway";
  for (const std::string& word : context.argv) header.provenance.command += " " + word;
  const bool declared = header.preprocess.declared, labelled = !header.labels.empty();
  const weights::ImportReport report =
      weights::import_into_package(source, std::move(header), bindings, o.import, target,
                                   [&] { throw_if_cancelled(context.observer()); });
  if (!o.report.empty()) files::write_file_atomically(o.report, weights::to_json(report) + "\n");
  print_result(target, net, report, context);
  if (!declared) {
    context.warn(
        "no --preprocess: the package cannot be given pictures until it is converted with one");
  }
  if (!labelled) context.warn("no --labels: classes will be numbers");
  return kExitOk;
}

std::string architectures() {
  std::string text = "for files that have none; found by their tensors if not given. One of:";
  for (const weights::ZooEntry& entry : weights::zoo()) text += std::string(" ") + entry.name;
  return text;
}

std::string format_names() {
  std::string text = "instead of finding it out:";
  for (const weights::Format& f : weights::formats()) text += std::string(" ") + f.name;
  return text;
}

std::string preset_names() {
  std::string text = "what the net expects of pictures:";
  for (const weights::PreprocessPreset& p : weights::preprocess_presets())
    text += std::string(" ") + p.name;
  return text + ", or FILE.json";
}

}  // namespace

void add_convert(CLI::App& program, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = program.add_subcommand(
      "convert", "Import weights of another framework into a Cutaway package");
  verb->footer(
      "example: cutaway convert resnet18.pth resnet18.h5 --preprocess torchvision --labels "
      "imagenet_labels.txt");
  verb->add_option("files", o->files,
                   "the source, in one or several files, and last the package to write")
      ->required()
      ->expected(2, 8);
  verb->add_option("--architecture", o->architecture, architectures());
  verb->add_option("--format", o->format, format_names());
  verb->add_option("--output", o->output,
                   "which output, by name, if the model (Keras, ONNX) has several");
  verb->add_option("--preprocess", o->preprocess, preset_names());
  verb->add_option("--labels", o->labels, "text file: line k names class k");
  verb->add_option("--classes", o->classes, "number of classes, if not the architecture's own");
  verb->add_option("--map", o->map, "JSON file: {\"conv1 weight\": \"tensor of the source\", ...}");
  verb->add_flag("--by-shape", o->import.by_shape,
                 "match what names leave over where extents are unique");
  verb->add_flag("--swap-channels", o->import.swap_channels,
                 "reverse the first convolution's input channels (BGR <-> RGB)");
  verb->add_option("--allow-missing", o->import.allow_missing,
                   "parameters that may be absent: fc6, 'fc6 bias', fc*")
      ->delimiter(',');
  verb->add_option("--allow-unused", o->import.allow_unused,
                   "tensors of the source to leave out: aux1, *.ema")
      ->delimiter(',');
  verb->add_option("--report", o->report, "write what came from where to this JSON file");
  verb->add_flag("--overwrite", o->overwrite, "replace any existing file");
  verb->callback(
      [o, &context] { context.action = [o, &context] { return convert(*o, context); }; });
}

}  // namespace cutaway::tools
