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

int show(const GraphShowJob& job, const Context& context) {
  const GraphShowSummary s = run_graph_show(job, context.run());
  if (context.common.json) {
    print_json({{"images", s.images},
                {"page", s.page},
                {"dot", s.dot},
                {"complaints", complaints_json(s.complaints)}});
  } else {
    std::printf("%s\n", s.page.c_str());
    print_complaints(s.complaints);
  }
  return exit_code_of(s.complaints);
}

}  // namespace

void add_graph_show(Command& group, Context& context) {
  auto job = std::make_shared<GraphShowJob>();
  Command& verb =
      group.add_subcommand("show", "Patches, heat maps, part trees, synthesis, a page to browse");
  verb.footer(
      "example: cutaway graph show giraffe.h5 weights/shipped/creatures.h5 --data DIR --category "
      "giraffe --out out/giraffe");
  add_scene_options(verb, job->scene);
  verb.add_option("--out", job->out, "folder for the results").required();
  add_show_options(verb, job->show);
  verb.add_option("--patches", job->show.patches, "patches a node")
      .check(range(1, 100))
      .capture_default_str();
  verb.add_option("--patch", job->show.patch, "side of a patch where the picture has 224 pixels")
      .check(range(8.0, 224.0))
      .capture_default_str();
  verb.add_option("--page-nodes", job->show.page_nodes, "nodes a layer on the page")
      .check(range(1, 2000))
      .capture_default_str();
  verb.add_option("--page-pictures", job->show.page_pictures, "pictures on the page")
      .check(range(1, 2000))
      .capture_default_str();
  verb.add_flag("--overwrite", job->overwrite, "write into the folder of a finished run");
  verb.callback(
      [job, &context] { context.action = [job, &context] { return show(*job, context); }; });
}

}  // namespace cutaway::tools
