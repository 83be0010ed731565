#include "tools/verbs/bench_explain.h"

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "explain/runs/load_network.h"
#include "tools/measuring/bench_explain.h"
#include "tools/program/command.h"
#include "weights/zoo/zoo.h"

namespace cutaway::tools {

using namespace explain;
namespace {

struct Options {
  std::string model;
  ExplainBenchJob job;
};

int bench_explain(const Options& o, const Context& context) {
  const Model model = load_or_build(o.model, context.common.seed);
  ExplainBenchJob job = o.job;
  job.engines = context.engines();
  job.observer = &context.observer();
  const ExplainBenchResult r = run_explain_bench(model, job, context.stream());
  const int threads = CpuStream(context.common.threads).threads();
  if (context.common.json) {
    const nlohmann::ordered_json result{
        {"model", o.model},   {"case", job.what},         {"layer", r.layer},
        {"threads", threads}, {"median_ms", r.median_ms}, {"ms", r.ms},
        {"passes", r.passes}, {"work", r.work},           {"setup_ms", r.setup_ms}};
    std::printf("%s\n", result.dump(2).c_str());
    return kExitOk;
  }
  std::printf(
      "%s %s%s%s: median %.2f ms (%lld passes, each %.1f %% of a full one), set-up %.0f ms, %d "
      "threads\n",
      o.model.c_str(), job.what.c_str(), r.layer.empty() ? "" : " of ", r.layer.c_str(),
      r.median_ms, static_cast<long long>(r.passes), 100.0 * r.work, r.setup_ms, threads);
  return kExitOk;
}

}  // namespace

Model load_or_build(const std::string& name, std::uint64_t seed) {
  if (std::filesystem::exists(name)) return load_network(name, Use::kStructure).model;
  weights::ZooNet net = weights::build_zoo(name);
  Model model(std::move(net.graph));
  model.parameters = Parameters::initialized(model.graph, seed);
  return model;
}

Command& add_bench_explain(Command& bench, Context& context) {
  auto o = std::make_shared<Options>();
  Command& verb = bench.add_subcommand("explain", "Time explanations of one random image");
  verb.footer("example: cutaway bench explain vgg16 --case occlusion");
  verb.add_option("model", o->model, "a package, or an architecture of the zoo (random weights)")
      .required();
  verb.add_option("--case", o->job.what,
                  "a method; projections: the deconvnet projections of nine units of a map, one "
                  "of nine images "
                  "each; class_maps: the maps of all classes, beyond the forward pass")
      .required();
  verb.add_option("--layer", o->job.layer, "of the method or projections");
  verb.add_option("--window", o->job.window, "occlusion: side of the square").capture_default_str();
  verb.add_option("--stride", o->job.stride, "occlusion: its step").capture_default_str();
  verb.add_option("--samples", o->job.samples, "integrated gradients, SmoothGrad, RISE, LIME")
      .capture_default_str();
  verb.add_option("--passes", o->job.passes, "occlusion: automatic, regional, full")
      .capture_default_str();
  verb.add_option("--rounds", o->job.rounds, "timed rounds")
      .check(range(1, 10000))
      .capture_default_str();
  verb.add_option("--warmup", o->job.warmup, "rounds before")
      .check(range(0, 1000))
      .capture_default_str();
  verb.callback(
      [o, &context] { context.action = [o, &context] { return bench_explain(*o, context); }; });
  return verb;
}

}  // namespace cutaway::tools
