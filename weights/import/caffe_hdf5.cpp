#include "weights/import/caffe_hdf5.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "runtime/error.h"
#include "weights/hdf5_file.h"
#include "weights/hdf5_vet.h"
#include "weights/sha256.h"
#include "weights/xxh64.h"

namespace cutaway::weights {
namespace {

using Dims = std::vector<std::int64_t>;

// More lines than that help nobody.
constexpr std::size_t kMostProblems = 60;

std::string text_of(const Dims& dims) {
  std::string text;
  for (const std::int64_t d : dims) text += (text.empty() ? "" : "x") + std::to_string(d);
  return text.empty() ? "scalar" : text;
}

// Which layouts of a source give this target unchanged in memory, and how the report calls that.
std::optional<std::string> rule_for(LayerKind kind, const ParameterSpec& spec, const Dims& dims) {
  const Shape& s = spec.shape;
  if (spec.name == "bias") {
    if (dims == Dims{s.c}) return "as is";
    if (dims == Dims{1, 1, 1, s.c}) return "1x1x1xO -> O";
    return std::nullopt;
  }
  if (kind == LayerKind::kDense) {
    if (dims == Dims{s.n, s.c}) return "OxI -> OxIx1x1";
    if (dims == Dims{1, 1, s.n, s.c}) return "1x1xOxI -> OxIx1x1";
    return std::nullopt;
  }
  if (dims == Dims{s.n, s.c, s.h, s.w}) return "as is";
  return std::nullopt;
}

std::string wanted_extents(LayerKind kind, const ParameterSpec& spec) {
  const Shape& s = spec.shape;
  if (spec.name == "bias") return text_of({s.c});
  return kind == LayerKind::kDense ? text_of({s.n, s.c}) : text_of({s.n, s.c, s.h, s.w});
}

bool below(const std::string& dataset, const std::string& group) {
  return dataset == group || dataset.starts_with(group + "/");
}

/// One import under way: collects problems instead of stopping at the first.
class Importer {
 public:
  Importer(const std::string& path, Graph graph, const ImportOptions& options)
      : file_(Hdf5File::open(path)), options_(options), model_(std::move(graph)) {
    report_.format = "caffe-hdf5";
    report_.source_file = std::filesystem::path(path).filename().string();
    find_sources();
    find_targets();
  }

  Imported run() {
    match();
    stop_on_problems();
    // Allocated only now that every extent has been found behind real storage.
    model_.parameters = Parameters::zeroed(model_.graph);
    for (const Match& m : matches_) read(m);
    stop_on_problems();
    report_.source_sha256 = sha256_of_file(file_.path());
    return {std::move(model_), std::move(report_)};
  }

 private:
  struct Match {
    NodeId node;
    std::size_t index;
    ParameterSpec spec;
    std::string source, rule;
    Hdf5Dataset info;
  };

  void problem(const std::string& line) { problems_.push_back(line); }

  void stop_on_problems() const {
    if (problems_.empty()) return;
    std::string all = std::to_string(problems_.size()) + " problem(s) with these weights:";
    for (std::size_t i = 0; i < std::min(problems_.size(), kMostProblems); ++i) {
      all += "\n  " + problems_[i];
    }
    if (problems_.size() > kMostProblems) all += "\n  ...";
    throw Error(ErrorKind::kInput, all).at(file_.path());
  }

  void find_sources() {
    if (!file_.contains("/data")) {
      throw Error(ErrorKind::kInput, "not in Caffe's HDF5 layout")
          .at(file_.path())
          .expected("a group /data");
    }
    for (const std::string& dataset : file_.datasets("/")) {
      const auto covers = [&](const std::string& group) { return below(dataset, group); };
      if (below(dataset, "/diff") || std::ranges::any_of(options_.ignore, covers)) {
        report_.ignored.push_back(dataset);
      } else {
        unused_.insert(dataset);
      }
    }
  }

  void find_targets() {
    for (const std::string& name : options_.allow_missing) allowed_.insert(model_.graph.find(name));
    std::map<NodeId, std::vector<std::string>> aliases;
    for (const auto& [alias, id] : model_.graph.aliases()) aliases[id].push_back(alias);
    for (NodeId id = 0; id < model_.graph.size(); ++id) {
      names_.push_back({model_.graph.node(id).name});
      names_.back().insert(names_.back().end(), aliases[id].begin(), aliases[id].end());
    }
  }

  void match() {
    for (NodeId id = 0; id < model_.graph.size(); ++id) {
      std::size_t index = 0;
      for (const ParameterSpec& spec : model_.graph.parameters(id)) match_one(id, index++, spec);
    }
    for (const std::string& source : unused_) {
      problem("not used: " + source + " (" + text_of(file_.describe(source).dims) + ")");
    }
  }

  void match_one(NodeId id, std::size_t index, const ParameterSpec& spec) {
    const Node& node = model_.graph.node(id);
    const std::string target = node.name + " " + spec.name;
    if (spec.name != "weight" && spec.name != "bias") {
      problem("this layout has no place for " + target);
      return;
    }
    for (const std::string& name : names_[static_cast<std::size_t>(id)]) {
      const std::string source = "/data/" + name + (spec.name == "weight" ? "/0" : "/1");
      if (unused_.erase(source) == 0) continue;
      const Hdf5Dataset info = file_.describe(source);
      const std::optional<std::string> rule = rule_for(node.layer->kind(), spec, info.dims);
      if (!rule) {
        problem("extents of " + source + " for " + target + ": expected " +
                wanted_extents(node.layer->kind(), spec) + ", got " + text_of(info.dims));
      } else if (!info.dtype.starts_with("float")) {
        problem("type of " + source + " for " + target + ": expected floating point, got " +
                info.dtype);
      } else if (info.count * info.element_bytes >
                 info.storage_bytes * (info.filtered ? Hdf5File::kMostCompression : 1)) {
        problem(source + " claims more than the file holds");
      } else {
        matches_.push_back({id, index, spec, source, *rule, info});
      }
      return;
    }
    if (allowed_.contains(id)) {
      report_.missing.push_back(target);
    } else {
      problem("missing: " + target + " (" + wanted_extents(node.layer->kind(), spec) +
              "), looked for /data/" + node.name + (spec.name == "weight" ? "/0" : "/1"));
    }
  }

  void read(const Match& m) {
    const std::span<float> values = model_.parameters.of(m.node)[m.index].f32();
    file_.read_f32_into(m.source, values);
    double sum = 0;
    for (const float v : values) sum += double{v};
    const double mean = sum / static_cast<double>(values.size());
    double squares = 0;
    for (const float v : values) squares += (double{v} - mean) * (double{v} - mean);
    const std::string target = model_.graph.node(m.node).name + " " + m.spec.name;
    if (!std::isfinite(squares)) problem(m.source + " for " + target + " is not finite");
    Xxh64 hash;
    hash.update(std::as_bytes(values));
    report_.rows.push_back(
        {m.source, text_of(m.info.dims), m.info.dtype, m.rule, target, to_string(m.spec.shape),
         mean, std::sqrt(squares / static_cast<double>(values.size())), hex(hash.digest())});
  }

  Hdf5File file_;
  const ImportOptions& options_;
  Model model_;
  ImportReport report_;
  std::set<std::string> unused_;
  std::set<NodeId> allowed_;
  std::vector<std::vector<std::string>> names_;  // of each node: its own, then its aliases
  std::vector<Match> matches_;
  std::vector<std::string> problems_;
};

}  // namespace

Imported import_caffe_hdf5(const std::string& path,
                           Graph architecture,
                           const ImportOptions& options) {
  vet_hdf5(path);
  return Importer(path, std::move(architecture), options).run();
}

}  // namespace cutaway::weights
