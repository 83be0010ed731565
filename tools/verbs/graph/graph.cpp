#include "tools/verbs/graph/graph.h"

#include "tools/program/command.h"
#include "tools/verbs/verbs.h"

namespace cutaway::tools {

void add_graph(Command& program, Context& context) {
  Command& group =
      program.add_subcommand("graph", "The explanatory graph: which object parts the filters know");
  group.require_subcommand();
  add_graph_learn(group, context);
  add_graph_infer(group, context);
  add_graph_show(group, context);
  add_graph_evaluate(group, context);
  add_graph_bench(group, context);
}

}  // namespace cutaway::tools
