#include <cstdio>
#include <nlohmann/json.hpp>

#include "runtime/buffer.h"
#include "tools/measuring/bench.h"
#include "tools/measuring/peak.h"
#include "tools/program/command.h"
#include "tools/verbs/bench_explain.h"
#include "tools/verbs/verbs.h"

namespace cutaway::tools {

using namespace explain;
namespace {

struct Options {
  std::string model;
  BenchJob job;
};

void print_layers(const BenchResult& r) {
  std::printf("%9s %9s %9s  %s\n", "ms", "GFLOP/s", "share", "layer");
  double total = 0;
  for (const LayerTime& t : r.layers) total += t.ms;
  for (const LayerTime& t : r.layers) {
    std::printf("%9.3f %9.1f %8.1f%%  %-28s %s\n", t.ms, t.gflops, 100.0 * t.ms / total,
                t.name.c_str(), t.what.c_str());
  }
}

int bench(const Options& o, const Context& context) {
  const Model model = load_or_build(o.model, context.common.seed);
  const Stream stream = context.stream();
  BenchJob job = o.job;
  job.engines = context.engines();
  job.observer = &context.observer();
  const BenchResult r = run_bench(model, job, stream);
  const int threads = CpuStream(context.common.threads).threads();
  const bool cpu = device_of(stream) == kCpuDevice;
  const double peak = cpu ? measured_peak_gflops(threads) : 0.0;
  const double percent = peak > 0 ? 100.0 * r.gflops / peak : 0.0;
  if (context.common.json) {
    using Json = nlohmann::ordered_json;
    Json layers = Json::array();
    for (const LayerTime& t : r.layers) {
      layers.push_back({{"layer", t.name}, {"step", t.what}, {"ms", t.ms}, {"gflops", t.gflops}});
    }
    const Json result{{"model", o.model},
                      {"pass", job.pass},
                      {"batch", job.batch},
                      {"threads", threads},
                      {"device", to_string(device_of(stream))},
                      {"median_ms", r.median_ms},
                      {"p10_ms", r.p10_ms},
                      {"p90_ms", r.p90_ms},
                      {"ms", r.ms},
                      {"images_per_second", r.images_per_second},
                      {"gflop", r.gflop},
                      {"gflops", r.gflops},
                      {"peak_gflops", peak},
                      {"peak_percent", percent},
                      {"arena_bytes", r.arena_bytes},
                      {"setup_ms", r.setup_ms},
                      {"layers", layers}};
    std::printf("%s\n", result.dump(2).c_str());
    return kExitOk;
  }
  std::printf("%s %s, batch %lld, %d threads on %s\n", o.model.c_str(), job.pass.c_str(),
              static_cast<long long>(job.batch), threads, to_string(device_of(stream)).c_str());
  std::printf("median %.2f ms (10 %%: %.2f, 90 %%: %.2f), %.1f img/s, %.0f GFLOP/s effective",
              r.median_ms, r.p10_ms, r.p90_ms, r.images_per_second, r.gflops);
  if (peak > 0) std::printf(" = %.0f %% of the measured peak of %.0f", percent, peak);
  std::printf("\nmemory %s beside the weights, set-up %.0f ms\n",
              format_bytes(r.arena_bytes).c_str(), r.setup_ms);
  if (job.per_layer) print_layers(r);
  return kExitOk;
}

}  // namespace

void add_bench(Command& program, Context& context) {
  auto o = std::make_shared<Options>();
  Command& verb =
      program.add_subcommand("bench", "Time a network: img/s, GFLOP/s, share of the peak");
  verb.footer("example: cutaway bench vgg16 --pass saliency --batch 8 --layers");
  verb.add_option("model", o->model, "a package, or an architecture of the zoo (random weights)");
  verb.add_option("--pass", o->job.pass, "forward or saliency")
      .check(one_of({"forward", "saliency"}))
      .capture_default_str();
  verb.add_option("--batch", o->job.batch, "images a round")
      .check(range(1, 4096))
      .capture_default_str();
  verb.add_option("--rounds", o->job.rounds, "timed rounds")
      .check(range(1, 100000))
      .capture_default_str();
  verb.add_option("--warmup", o->job.warmup, "rounds before")
      .check(range(0, 1000))
      .capture_default_str();
  verb.add_flag("--layers", o->job.per_layer, "time every step");
  Command& explain = add_bench_explain(verb, context);
  verb.callback([o, &explain, &context] {
    if (explain.parsed()) return;
    if (o->model.empty()) throw_missing("model");
    context.action = [o, &context] { return bench(*o, context); };
  });
}

}  // namespace cutaway::tools
