#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "explain/network.h"
#include "explain/runs/batch.h"
#include "explain/runs/load_network.h"
#include "explain/scores.h"
#include "layers/executor.h"
#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "runtime/progress.h"
#include "tools/verbs/verbs.h"
#include "weights/hdf5_file.h"

namespace cutaway::tools {

using namespace explain;
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string model, outputs;
  std::vector<std::string> inputs, lists;
  std::int64_t batch{8};
  std::size_t top{5};
  bool recursive{false};
};

struct Totals {
  std::int64_t images{0}, labelled{0}, top1{0}, top5{0};
  std::vector<Batch::Failure> failures;
};

double percent(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

/// Raw scores of all readable pictures, for --outputs.
struct Scores {
  std::vector<float> values;
  std::vector<std::string> files;
};

void save_scores(const std::string& path,
                 const Scores& scores,
                 std::int64_t classes,
                 const std::string& node) {
  files::AtomicFile target(path);
  weights::Hdf5File file = weights::Hdf5File::create(target.temporary());
  const std::vector<std::int64_t> extents{static_cast<std::int64_t>(scores.files.size()), classes};
  file.write_f32("/outputs", extents, scores.values);
  file.write_attribute("/outputs", "node", node);
  std::string names;
  for (const std::string& name : scores.files) names += name + "\n";
  file.write_text("/files", names);
  file.close();
  target.commit();
}

Json describe(const weights::Package& package,
              const ImageEntry& entry,
              const std::vector<double>& p,
              std::size_t count) {
  Json classes = Json::array();
  for (const std::int64_t c : top(p, count)) {
    classes.push_back({{"class", c},
                       {"label", label_name(package, c)},
                       {"probability", p[static_cast<std::size_t>(c)]}});
  }
  Json row{{"file", entry.name}};
  if (entry.label) row["label"] = *entry.label;
  row["top"] = std::move(classes);
  return row;
}

void print_row(const Json& row) {
  std::printf("%s\n", row["file"].get<std::string>().c_str());
  for (const Json& c : row["top"]) {
    std::printf("  %6.2f %%  %4lld  %s\n", 100.0 * c["probability"].get<double>(),
                c["class"].get<long long>(), c["label"].get<std::string>().c_str());
  }
}

void count_hit(const ImageEntry& entry, const std::vector<double>& p, Totals& totals) {
  if (!entry.label) return;
  ++totals.labelled;
  const std::vector<std::int64_t> best = top(p, 5);
  for (std::size_t i = 0; i < best.size(); ++i) {
    if (best[i] != *entry.label) continue;
    ++totals.top5;
    totals.top1 += i == 0 ? 1 : 0;
  }
}

int finish(const Context& context, const Totals& totals, Json rows) {
  if (context.common.json) {
    Json failures = Json::array();
    for (const auto& f : totals.failures) failures.push_back(f.error);
    Json result{{"images", totals.images}};
    if (totals.labelled > 0) {
      result["labelled"] = totals.labelled;
      result["top1"] = percent(totals.top1, totals.labelled);
      result["top5"] = percent(totals.top5, totals.labelled);
    }
    result["failures"] = std::move(failures);
    result["results"] = std::move(rows);
    std::printf("%s\n", result.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  } else if (totals.labelled > 0) {
    std::printf("%lld images: top-1 %.2f %%, top-5 %.2f %%\n",
                static_cast<long long>(totals.images), percent(totals.top1, totals.labelled),
                percent(totals.top5, totals.labelled));
  }
  for (const auto& f : totals.failures) context.warn(f.error);
  if (totals.images == 0 && !totals.failures.empty()) return kExitInput;
  return totals.failures.empty() ? kExitOk : kExitPartial;
}

int classify(const Options& o, const Context& context) {
  std::vector<ImageEntry> list;
  for (const std::string& path : o.lists) {
    const auto more = read_image_list(path);
    list.insert(list.end(), more.begin(), more.end());
  }
  if (!o.inputs.empty() || list.empty()) {
    const auto more = collect_images(o.inputs, o.recursive);
    list.insert(list.end(), more.begin(), more.end());
  }
  const weights::Package package = load_network(o.model);
  const Graph& graph = package.model.graph;
  PlanRequest request;
  request.input = graph.node(0).shape;
  request.input.n = std::min(o.batch, static_cast<std::int64_t>(list.size()));
  request.output = logits_node(graph);
  request.engines = context.engines();
  const std::int64_t classes = class_count(graph);
  const Stream stream = context.stream();
  Executor executor(package.model, request, stream);
  if (context.common.verbose > 0) context.info(executor.plan().report(graph));
  const int threads = CpuStream(context.common.threads).threads();

  Totals totals;
  Scores scores;
  Json rows = Json::array();
  // Predictions of a labelled list are wanted only as numbers, or as JSON.
  const bool print = !context.common.json && (list.size() <= 20 || o.lists.empty());
  Progress progress(context.observer(), "classify", static_cast<std::int64_t>(list.size()));
  const auto step = static_cast<std::size_t>(request.input.n);
  for (std::size_t first = 0; first < list.size(); first += step) {
    throw_if_cancelled(context.observer());
    const std::size_t count = std::min(step, list.size() - first);
    const Batch batch = load_batch(list, first, count, package.preprocess, request.input, threads);
    executor.set_input(batch.input);
    executor.forward();
    const Tensor out = executor.read(executor.output());
    for (std::size_t i = 0; i < batch.entries.size(); ++i) {
      const ImageEntry& entry = list[batch.entries[i]];
      const auto p = probabilities(out, static_cast<std::int64_t>(i));
      count_hit(entry, p, totals);
      rows.push_back(describe(package, entry, p, o.top));
      if (print) print_row(rows.back());
      if (!context.common.json) rows.clear();
      if (o.outputs.empty()) continue;
      const auto row = out.f32().subspan(i * static_cast<std::size_t>(classes),
                                         static_cast<std::size_t>(classes));
      scores.values.insert(scores.values.end(), row.begin(), row.end());
      scores.files.push_back(entry.name);
    }
    totals.images += static_cast<std::int64_t>(batch.entries.size());
    totals.failures.insert(totals.failures.end(), batch.failures.begin(), batch.failures.end());
    progress.add(static_cast<std::int64_t>(count));
  }
  if (!o.outputs.empty() && totals.images > 0) {
    save_scores(o.outputs, scores, classes, graph.node(request.output).name);
  }
  return finish(context, totals, std::move(rows));
}

}  // namespace

void add_classify(CLI::App& program, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb =
      program.add_subcommand("classify", "Classify pictures; accuracy on labelled lists");
  verb->footer("example: cutaway classify googlenet.h5 --list labels.csv --json");
  verb->add_option("model", o->model, "a Cutaway package")->required();
  verb->add_option("inputs", o->inputs, "pictures, folders, lists (.csv)");
  verb->add_option("--list", o->lists, "CSV with columns file,label; files relative to the list");
  verb->add_option("--batch", o->batch, "pictures at a time")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  verb->add_option("--top", o->top, "classes to print")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  verb->add_option("--outputs", o->outputs, "HDF5 file for the raw class scores");
  verb->add_flag("--recursive", o->recursive, "look into sub-folders");
  verb->callback(
      [o, &context] { context.action = [o, &context] { return classify(*o, context); }; });
}

}  // namespace cutaway::tools
