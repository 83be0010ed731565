#include <cstdio>

#include "explain/graph/evaluation/evaluate_run.h"
#include "tools/program/command.h"
#include "tools/verbs/graph/complaints.h"
#include "tools/verbs/graph/graph.h"
#include "tools/verbs/graph/options.h"

namespace cutaway::tools {

using namespace explain;
namespace {

int evaluate(const GraphEvaluateJob& job, const Context& context) {
  const GraphEvaluateSummary s = run_graph_evaluate(job, context.run());
  if (context.common.json) {
    std::printf("%s\n", results_json(job, s).c_str());
  } else {
    std::printf("%s\n%lld pictures; features %.2f s, inference %.1f ms a picture\n",
                to_text(s.evaluation).c_str(), static_cast<long long>(s.images), s.feature_seconds,
                s.infer_ms);
    print_complaints(s.complaints);
  }
  return exit_code_of(s.complaints);
}

}  // namespace

void add_graph_evaluate(Command& group, Context& context) {
  auto job = std::make_shared<GraphEvaluateJob>();
  Command& verb = group.add_subcommand("evaluate", "Measure a graph against annotated parts");
  verb.footer(
      "Intervals: 95 %, by leaving pictures out in turn.\n"
      "example: cutaway graph evaluate giraffe.h5 weights/shipped/creatures.h5 --data DIR "
      "--category giraffe");
  add_scene_options(verb, job->scene);
  verb.add_option("--best-nodes", job->options.nodes, "nodes a layer that are judged")
      .check(positive())
      .capture_default_str();
  verb.add_option("--best-images", job->options.best, "pictures a node is judged by")
      .check(positive())
      .capture_default_str();
  verb.add_option("--shots", job->options.shots, "pictures in which a part is shown")
      .check(range(1, 100))
      .capture_default_str();
  verb.add_option("--repeats", job->options.repeats, "choices of them; 0: leave this out")
      .check(range(0, 1000))
      .capture_default_str();
  verb.add_option("--samples", job->options.samples,
                  "groups of pictures left out in turn for the intervals; 0: no intervals")
      .check(range(0, 100000))
      .capture_default_str();
  verb.add_option("--tolerance", job->options.tolerance,
                  "a node this near a part's box is on it, over the side")
      .check(range(0.0, 1.0))
      .capture_default_str();
  verb.add_option("--sheets", job->sheets,
                  "folder for sheets on which a person judges nodes and raw filters");
  verb.add_flag("--choose-first", job->options.choose_first,
                "pictures first, landmarks then, as the authors' program");
  verb.add_flag("--overwrite", job->overwrite, "replace the sheets that the folder holds");
  verb.callback(
      [job, &context] { context.action = [job, &context] { return evaluate(*job, context); }; });
}

}  // namespace cutaway::tools
