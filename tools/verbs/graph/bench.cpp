#include <nlohmann/json.hpp>

#include "tools/measuring/graph_bench.h"
#include "tools/program/command.h"
#include "tools/program/output.h"
#include "tools/verbs/graph/graph.h"

namespace cutaway::tools {
namespace {

int bench(const GraphBenchOptions& o, const Context& context) {
  const GraphBenchResult r = bench_graph(o, context);
  print_json({{"preset", o.preset},
              {"nodes", r.nodes},
              {"images", o.images},
              {"iterations", o.iterations},
              {"feature_seconds", r.feature_seconds},
              {"learn_seconds", r.learn_seconds},
              {"learn_cpu_seconds", r.learn_cpu_seconds},
              {"pass_seconds", r.pass_seconds},
              {"pass_cpu_seconds", r.pass_cpu_seconds},
              {"inference_ms", r.infer_ms},
              {"inference_single_ms", r.infer_single_ms},
              {"inference_single_cpu_ms", r.infer_single_cpu_ms},
              {"peak_mib", r.peak_mib}});
  return kExitOk;
}

}  // namespace

void add_graph_bench(Command& group, Context& context) {
  auto o = std::make_shared<GraphBenchOptions>();
  Command& verb =
      group.add_subcommand("bench", "Time learning a graph of VGG-16's size on made-up features");
  verb.add_option("--filters", o->filters).check(range(1, 4096)).capture_default_str();
  verb.add_option("--images", o->images).check(range(1, 100000)).capture_default_str();
  verb.add_option("--iterations", o->iterations).check(range(1, 1000)).capture_default_str();
  verb.add_option("--preset", o->preset, "of graph learn").capture_default_str();
  verb.callback([o, &context] { context.action = [o, &context] { return bench(*o, context); }; });
}

}  // namespace cutaway::tools
