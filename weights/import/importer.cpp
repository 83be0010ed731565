#include "weights/import/importer.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <future>
#include <set>
#include <system_error>

#include "runtime/error.h"
#include "weights/import/binary_file.h"
#include "weights/json.h"
#include "weights/sha256.h"
#include "weights/zoo/zoo.h"

namespace cutaway::weights {
namespace {

constexpr std::uint64_t kMostMapBytes = 4 << 20;
constexpr std::size_t kDigestDigits = 64;

// One file: its digest, with a look at the sums that it stores. Several: the digest of their
// digests, in order.
std::string digest_of(const Source& source, const std::atomic<std::uint64_t>* until = nullptr) {
  if (source.files.size() == 1) return digest_of_file(source.files[0], source.sums, until);
  std::string all;
  for (const std::string& file : source.files) all += digest_of_file(file, {}) + "\n";
  return all.empty() ? "" : sha256(all);
}

/// The digest of a source on a thread of its own, beside a conversion that takes longer. It keeps
/// pace with that: where there are fewer processors than threads, one that ends early has only kept
/// the others waiting.
class DigestBeside {
 public:
  explicit DigestBeside(const Source& source)
      : result_(begin([&] { return digest_of(source, &until_); })) {}
  ~DigestBeside() {
    if (result_.valid()) let_go(0);  // what failed need not wait for the rest of the file
  }
  DigestBeside(const DigestBeside&) = delete;
  DigestBeside& operator=(const DigestBeside&) = delete;

  void converted(std::uint64_t bytes) {
    until_ += bytes;
    until_.notify_one();
  }
  std::string get() {
    let_go(~std::uint64_t{0});
    return result_.get();
  }

 private:
  // On the thread that asks for it, once it does, where the system has none to give.
  template <class Work>
  static std::future<std::string> begin(const Work& work) {
    try {
      return std::async(std::launch::async, work);
    } catch (const std::system_error&) {
      return std::async(std::launch::deferred, work);
    }
  }
  // While the first bands are read there is a processor for it.
  static constexpr std::uint64_t kAhead = std::uint64_t{128} << 20;
  void let_go(std::uint64_t until) {
    until_ = until;
    until_.notify_one();
  }
  std::atomic<std::uint64_t> until_{kAhead};
  std::future<std::string> result_;  // waits for its thread where it ends
};

std::string where(const Source& source) { return source.files.empty() ? "" : source.files.front(); }

Binding binding_from(const std::string& path, const std::string& target, const Json& value) {
  Binding binding;
  if (value.is_string()) {
    binding.sources = {value.get<std::string>()};
    return binding;
  }
  JsonObject object(value, path + ":" + target);
  binding.sources = {object.text("source")};
  if (object.has("axes")) binding.transform = transform_between(object.text("axes"));
  if (object.has("flip")) binding.transform.flip = object.member("flip") == Json(true);
  object.finish();
  return binding;
}

}  // namespace

Imported import_weights(const Source& source,
                        Graph graph,
                        const Bindings& bindings,
                        const ImportOptions& options) {
  Problems problems;
  const ImportPlan plan(source, graph, bindings, options, problems);
  problems.stop(where(source));
  ImportReport report = plan.report();
  report.source_sha256 = digest_of(source);
  // Allocated only now that every extent has been found behind real storage.
  Parameters parameters = Parameters::zeroed(graph);
  for (std::size_t i = 0; i < plan.size(); ++i) {
    plan.read(i, parameters.of(plan.node(i))[plan.parameter(i)].f32(), report, problems);
  }
  problems.stop(where(source));
  return {Model(std::move(graph), std::move(parameters)), std::move(report)};
}

ImportReport import_into_package(const Source& source,
                                 Package header,
                                 const Bindings& bindings,
                                 const ImportOptions& options,
                                 const std::string& path,
                                 const std::function<void()>& poll) {
  Problems problems;
  const ImportPlan plan(source, header.model.graph, bindings, options, problems);
  problems.stop(where(source));
  ImportReport report = plan.report();
  header.provenance.source_format = report.format;
  header.provenance.source_file = report.source_file;
  header.provenance.source_sha256 = std::string(kDigestDigits, '0');  // the place it will need
  DigestBeside digest(source);
  BandsAhead bands(plan.bands());
  std::size_t next = 0;
  const ParameterFill fill = [&](NodeId node, std::size_t parameter, const PutValues& put) {
    check(next < plan.size() && plan.node(next) == node && plan.parameter(next) == parameter,
          "parameters of a plan in another order");
    const auto pass = [&](std::span<const float> values) {
      if (poll) poll();
      put(values);
      digest.converted(values.size_bytes());
    };
    plan.stream(next++, pass, bands, report, problems);
    if (next < plan.size()) return;
    problems.stop(where(source));
    report.source_sha256 = digest.get();
    header.provenance.source_sha256 = report.source_sha256;
  };
  try {
    save_streamed(header, path, fill);
  } catch (const Error& error) {
    throw error.located(where(source));  // what cannot be written came from there
  }
  return report;
}

void apply_map(const std::string& path,
               const Source& source,
               const Graph& graph,
               Bindings& bindings) {
  const BinaryFile file = BinaryFile::open(path);
  if (file.size() > kMostMapBytes) throw Error(ErrorKind::kInput, "the map is too long").at(path);
  const Json json = parse_json(file.text_at(0, file.size()));
  if (!json.is_object()) throw Error(ErrorKind::kInput, "not a JSON object").at(path);
  std::set<std::string> names;
  for (const SourceTensor& t : source.tensors) names.insert(t.name);
  for (const auto& [target, value] : json.items()) {
    const std::size_t space = target.find_last_of(' ');
    if (space == std::string::npos) {
      throw Error(ErrorKind::kInput, "parameter '" + target + "'")
          .at(path)
          .expected("a node and a parameter, such as 'conv1 weight'");
    }
    Binding binding = binding_from(path, target, value);
    binding.node = graph.find(target.substr(0, space));
    const std::vector<ParameterSpec> specs = graph.parameters(binding.node);
    const std::string parameter = target.substr(space + 1);
    const auto spec = std::find_if(specs.begin(), specs.end(),
                                   [&](const ParameterSpec& s) { return s.name == parameter; });
    if (spec == specs.end()) {
      throw Error(ErrorKind::kInput, "the node has no such parameter").at(path + ":" + target);
    }
    if (!names.contains(binding.sources[0])) {
      throw Error(ErrorKind::kInput, "the source has no tensor '" + binding.sources[0] + "'")
          .at(path + ":" + target);
    }
    binding.parameter = static_cast<std::size_t>(spec - specs.begin());
    std::erase_if(bindings.list, [&](const Binding& b) {
      return b.node == binding.node && b.parameter == binding.parameter;
    });
    bindings.list.push_back(std::move(binding));
  }
}

namespace {

/// Outputs of the last layer with weights as the source has it; 0 where it has none.
std::int64_t classes_of(const Source& source, const Graph& graph, const Bindings& bindings) {
  NodeId last = -1;
  for (NodeId id = 0; id < graph.size(); ++id) {
    const LayerKind kind = graph.node(id).layer->kind();
    if (kind == LayerKind::kConv || kind == LayerKind::kDense) last = id;
  }
  for (const Binding& binding : bindings.list) {
    if (binding.node != last || binding.parameter != 0) continue;
    for (const std::string& name : binding.sources) {
      for (const SourceTensor& t : source.tensors) {
        if (t.name != name || t.extents.size() < 2) continue;
        const std::vector<std::size_t>& axes = binding.transform.axes;
        const std::size_t axis = axes.empty() ? 0 : axes[0];
        return axis < t.extents.size() ? t.extents[axis] : 0;
      }
    }
  }
  return 0;
}

Fit fit_of(const Source& source,
           const ImportOptions& options,
           const ZooEntry& entry,
           std::int64_t classes) {
  const Graph graph = entry.build({classes}).graph;
  Problems problems;
  const ImportPlan plan(source, graph, source.bind(graph, entry.name), options, problems);
  return {entry.name, problems.count(), problems.count() == 0 ? "" : problems.lines()[0], classes};
}

}  // namespace

std::vector<Fit> fitting_architectures(const Source& source,
                                       const ImportOptions& options,
                                       std::int64_t classes) {
  constexpr std::int64_t kMostClasses = 100'000;
  std::vector<Fit> fits;
  ImportOptions tolerant = options;
  tolerant.allow_missing.clear();  // its patterns are about one architecture
  for (const ZooEntry& entry : zoo()) {
    if (classes == 0) {
      const Graph graph = entry.build({}).graph;
      const std::int64_t has = classes_of(source, graph, source.bind(graph, entry.name));
      const bool own = has < 1 || has > kMostClasses || has == graph.node(graph.last()).shape.c;
      fits.push_back(fit_of(source, tolerant, entry, own ? 0 : has));
    } else {
      fits.push_back(fit_of(source, tolerant, entry, classes));
    }
  }
  std::stable_sort(fits.begin(), fits.end(),
                   [](const Fit& a, const Fit& b) { return a.problems < b.problems; });
  return fits;
}

}  // namespace cutaway::weights
