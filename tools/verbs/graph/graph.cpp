#include "tools/verbs/graph/graph.h"

#include <CLI/CLI.hpp>

#include "tools/verbs/verbs.h"

namespace cutaway::tools {

void add_graph(CLI::App& program, Context& context) {
  CLI::App* group =
      program.add_subcommand("graph", "The explanatory graph: which object parts the filters know");
  group->require_subcommand(1);
  add_graph_learn(*group, context);
  add_graph_infer(*group, context);
  add_graph_show(*group, context);
  add_graph_evaluate(*group, context);
  add_graph_bench(*group, context);
}

}  // namespace cutaway::tools
