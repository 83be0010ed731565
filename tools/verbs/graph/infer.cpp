#include <cstdio>
#include <nlohmann/json.hpp>

#include "explain/graph/run/complaints_json.h"
#include "explain/graph/show/show_run.h"
#include "tools/program/command.h"
#include "tools/program/output.h"
#include "tools/verbs/graph/complaints.h"
#include "tools/verbs/graph/graph.h"
#include "tools/verbs/graph/options.h"

namespace cutaway::tools {

using namespace explain;
namespace {

int infer(const GraphShowJob& job, const Context& context) {
  const GraphInferSummary s = run_graph_infer(job, context.run());
  if (context.common.json) {
    print_json({{"images", s.images},
                {"positions", s.positions},
                {"all_positions", s.all_positions},
                {"features_seconds", s.feature_seconds},
                {"inference_ms", s.infer_ms},
                {"complaints", complaints_json(s.complaints)}});
  } else {
    std::printf("%lld pictures, inference %.1f ms each\n%s\n", static_cast<long long>(s.images),
                s.infer_ms, s.positions.c_str());
    print_complaints(s.complaints);
  }
  return exit_code_of(s.complaints);
}

}  // namespace

void add_graph_infer(Command& group, Context& context) {
  auto job = std::make_shared<GraphShowJob>();
  Command& verb = group.add_subcommand("infer", "Find the nodes of a graph in pictures");
  verb.footer(
      "example: cutaway graph infer giraffe.h5 weights/shipped/creatures.h5 --data DIR --category "
      "giraffe --out out/giraffe");
  add_scene_options(verb, job->scene);
  verb.add_option("--out", job->out, "folder for the results").required();
  add_show_options(verb, job->show);
  verb.add_flag("--overwrite", job->overwrite, "write into the folder of a finished run");
  verb.callback(
      [job, &context] { context.action = [job, &context] { return infer(*job, context); }; });
}

}  // namespace cutaway::tools
