#include "weights/import/import_files.h"

#include <filesystem>

#include "runtime/error.h"
#include "weights/import/binary_file.h"
#include "weights/import/file_digest.h"
#include "weights/import/formats.h"
#include "weights/labels.h"
#include "weights/preprocess_json.h"
#include "weights/preprocess_presets.h"
#include "weights/zoo/zoo.h"

namespace cutaway::weights {
namespace {

constexpr std::uint64_t kMostPreprocessBytes = std::uint64_t{1} << 20;

void check_labels(const Package& package, const std::string& file) {
  const Graph& graph = package.model.graph;
  const auto classes = static_cast<std::size_t>(graph.node(graph.last()).shape.c);
  if (package.labels.size() == classes) return;
  throw Error(ErrorKind::kInput, "number of labels")
      .at(file)
      .expected(std::to_string(classes) + ", one a class")
      .got(std::to_string(package.labels.size()));
}

Preprocess chosen_preprocess(const std::string& choice, const Shape& input) {
  if (!choice.ends_with(".json") && !choice.ends_with(".txt"))
    return preprocess_preset(choice, input);
  const BinaryFile file = BinaryFile::open(choice);
  if (file.size() > kMostPreprocessBytes) {
    throw Error(ErrorKind::kInput, "too long for a description of preprocessing").at(choice);
  }
  try {
    return preprocess_from_file_text(file.text_at(0, file.size()));
  } catch (const Error& error) {
    throw error.located(choice);
  }
}

/// Preprocessing and labels as the caller has them.
void apply_choices(const ImportFilesOptions& options, Package& package) {
  if (!options.preprocess.empty()) {
    package.preprocess = chosen_preprocess(options.preprocess, package.model.graph.node(0).shape);
  }
  if (!options.labels.empty()) {
    package.labels = read_labels(options.labels);
    check_labels(package, options.labels);
  }
  package.provenance.command = options.command;
}

bool is_bgr(const std::string& architecture) {
  return build_zoo(architecture).preprocess.order == ColorOrder::kBgr;
}

std::string joined(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  return all;
}

/// The architecture of a source that brings none: the one whose every parameter the source fills.
Fit find_architecture(const Source& source, const ImportFilesOptions& options) {
  const std::vector<Fit> fits = fitting_architectures(source, options.weights, options.classes);
  std::vector<std::string> perfect;
  for (const Fit& fit : fits) {
    if (fit.problems == 0) perfect.push_back(fit.architecture);
  }
  // Same layers, other colours: a framework that reads RGB means its own variant.
  if (perfect.size() > 1 && source.rgb) {
    std::vector<std::string> rgb = perfect;
    std::erase_if(rgb, is_bgr);
    if (!rgb.empty()) perfect = rgb;
  }
  if (perfect.size() == 1) {
    for (const Fit& fit : fits) {
      if (fit.architecture == perfect[0]) return fit;
    }
  }
  const std::string& file = source.files.at(0);
  if (!perfect.empty()) {
    throw Error(ErrorKind::kInput, "several architectures fit: " + joined(perfect))
        .at(file)
        .hint("choose one with --architecture");
  }
  const Fit& nearest = fits[0];
  // With half its tensors wrong, the nearest is no help.
  if (nearest.problems * 2 > source.tensors.size()) {
    throw Error(ErrorKind::kInput, "the file has no architecture, and none that is known fits it")
        .at(file)
        .hint(
            "export the model to ONNX, which holds the architecture (torch.onnx.export), and "
            "convert "
            "that");
  }
  throw Error(ErrorKind::kInput, "the file has no architecture, and none that is known fits it")
      .at(file)
      .hint("nearest is --architecture " + nearest.architecture + ", with " +
            std::to_string(nearest.problems) + " problem(s), first: " + nearest.first);
}

/// All but the numbers.
struct Prepared {
  Source source;
  Package header{Model(Graph(Shape{1, 1, 1, 1}))};
  Bindings bindings;
  std::string architecture;
};

Prepared prepare(const std::vector<std::string>& files, const ImportFilesOptions& options) {
  Prepared p;
  p.source = open_source(files, options.format, options.output);
  if (options.architecture.empty() && p.source.graph) {
    Preprocess undeclared;
    undeclared.declared = false;
    p.header.model.graph = *p.source.graph;
    p.header.preprocess = p.source.preprocess.value_or(undeclared);
  } else {
    Fit fit{options.architecture, 0, "", options.classes};
    if (fit.architecture.empty()) {
      fit = find_architecture(p.source, options);
      p.source.notes.push_back(
          "the architecture is a guess: " + fit.architecture +
          " has a place for every tensor, but nets that differ in what has no tensors "
          "(activations, "
          "strides, dilations, pooling) have the same; check it with `cutaway verify` against "
          "numbers of the framework, or export ONNX, which holds the architecture");
    }
    p.architecture = fit.architecture;
    ZooNet net = build_zoo(fit.architecture, {fit.classes});
    // The architecture's own preprocessing is that of its original weights; these come from
    // elsewhere.
    if (p.source.rgb && net.preprocess.order == ColorOrder::kBgr) net.preprocess.declared = false;
    p.header.model.graph = std::move(net.graph);
    p.header.preprocess = net.preprocess;
  }
  const Graph& graph = p.header.model.graph;
  p.bindings = p.source.bind(graph, p.architecture);
  if (!options.map.empty()) apply_map(options.map, p.source, graph, p.bindings);
  p.header.labels = p.source.labels;
  apply_choices(options, p.header);
  return p;
}

// --- this program's own packages
// -------------------------------------------------------------------

bool is_own(const std::vector<std::string>& files, const ImportFilesOptions& options) {
  return files.size() == 1 && options.format.empty() && is_package(files[0]);
}

/// Reads a package and changes what the caller wants changed.
Package changed_package(const std::string& path,
                        const ImportFilesOptions& options,
                        ImportReport& report) {
  const ImportOptions& w = options.weights;
  const bool other = !options.output.empty() || !options.architecture.empty() ||
                     options.classes != 0 || !options.map.empty() || !w.allow_missing.empty() ||
                     !w.allow_unused.empty() || w.by_shape || w.swap_channels;
  if (other || (options.preprocess.empty() && options.labels.empty())) {
    throw Error(ErrorKind::kUsage, "this is a package of this program already")
        .at(path)
        .expected("--preprocess or --labels, to change what it says, and nothing else");
  }
  Package package = load(path);
  apply_choices(options, package);
  report.format = "cutaway";
  report.source_file = std::filesystem::path(path).filename().string();
  report.source_sha256 = digest_of_file(path, {});
  return package;
}

}  // namespace

Package import_files(const std::vector<std::string>& files,
                     const ImportFilesOptions& options,
                     ImportReport* report) {
  ImportReport told;
  ImportReport& into = report != nullptr ? *report : told;
  if (is_own(files, options)) return changed_package(files[0], options, into);
  Prepared p = prepare(files, options);
  Imported imported = import_weights(p.source, p.header.model.graph, p.bindings, options.weights);
  into = std::move(imported.report);
  Package package = std::move(p.header);
  package.model = std::move(imported.model);
  package.provenance.source_format = into.format;
  package.provenance.source_file = into.source_file;
  package.provenance.source_sha256 = into.source_sha256;
  return package;
}

ImportedFiles import_files_into_package(const std::vector<std::string>& files,
                                        const ImportFilesOptions& options,
                                        const std::string& target,
                                        const std::function<void()>& poll) {
  ImportedFiles done;
  if (is_own(files, options)) {
    done.header = changed_package(files[0], options, done.report);
    save(done.header, target);
    done.header.model.parameters = {};
    return done;
  }
  Prepared p = prepare(files, options);
  done.header = p.header;
  done.architecture = p.architecture;
  done.report =
      import_into_package(p.source, std::move(p.header), p.bindings, options.weights, target, poll);
  return done;
}

}  // namespace cutaway::weights
