#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "runtime/files/output_check.h"
#include "tools/converting/imported.h"
#include "tools/program/command.h"
#include "tools/verbs/verbs.h"
#include "weights/import/formats.h"
#include "weights/import/import_files.h"
#include "weights/preprocess_presets.h"
#include "weights/zoo/zoo.h"

namespace cutaway::tools {
namespace {

struct Options {
  std::vector<std::string> files;  // sources, then the target
  weights::ImportFilesOptions import;
  std::string report;
  bool overwrite{false};
};

int convert(Options o, const Context& context) {
  const std::string target = o.files.back();
  const std::vector<std::string> sources{o.files.begin(), o.files.end() - 1};
  std::vector<std::string> reads = sources;
  for (const std::string& file : {o.import.labels, o.import.map, o.import.preprocess})
    reads.push_back(file);
  files::check_outputs(
      {.reads = reads, .writes = {target, o.report}, .folders = {}, .overwrite = o.overwrite});
  o.import.command = "cutaway";
  for (const std::string& word : context.argv) o.import.command += " " + word;
  const weights::ImportedFiles net = weights::import_files_into_package(
      sources, o.import, target, [&] { throw_if_cancelled(context.observer()); });
  if (!o.report.empty())
    files::write_file_atomically(o.report, weights::to_json(net.report) + "\n");
  print_imported(target, net, context);
  for (const std::string& note : net.report.notes) context.warn(note);
  if (!net.header.preprocess.declared) {
    context.warn(
        "no --preprocess: the package cannot be given pictures until it is converted with one");
  }
  if (net.header.labels.empty()) context.warn("no --labels: classes will be numbers");
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

void add_convert(Command& program, Context& context) {
  auto o = std::make_shared<Options>();
  Command& verb = program.add_subcommand(
      "convert", "Import weights of another framework into a Cutaway package");
  verb.footer(
      "example: cutaway convert resnet18.pth resnet18.h5 --preprocess torchvision --labels "
      "imagenet_labels.txt");
  verb.add_option("files", o->files,
                  "the source, in one or several files, and last the package to write")
      .required()
      .expected(2, 8);
  verb.add_option("--architecture", o->import.architecture, architectures());
  verb.add_option("--format", o->import.format, format_names());
  verb.add_option("--output", o->import.output,
                  "which output, by name, if the model (Keras, ONNX) has several");
  verb.add_option("--preprocess", o->import.preprocess, preset_names());
  verb.add_option("--labels", o->import.labels, "text file: line k names class k");
  verb.add_option("--classes", o->import.classes,
                  "number of classes, if not that of the file's last layer");
  verb.add_option("--map", o->import.map,
                  "JSON file: {\"conv1 weight\": \"tensor of the source\", ...}");
  verb.add_flag("--by-shape", o->import.weights.by_shape,
                "match what names leave over where extents are unique");
  verb.add_flag("--swap-channels", o->import.weights.swap_channels,
                "reverse the first convolution's input channels (BGR <-> RGB)");
  verb.add_option("--allow-missing", o->import.weights.allow_missing,
                  "parameters that may be absent: fc6, 'fc6 bias', fc*")
      .delimiter(',');
  verb.add_option("--allow-unused", o->import.weights.allow_unused,
                  "tensors of the source to leave out: aux1, *.ema")
      .delimiter(',');
  verb.add_option("--report", o->report, "write what came from where to this JSON file");
  verb.add_flag("--overwrite", o->overwrite, "replace any existing file");
  verb.callback([o, &context] { context.action = [o, &context] { return convert(*o, context); }; });
}

}  // namespace cutaway::tools
