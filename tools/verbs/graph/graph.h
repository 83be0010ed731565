#pragma once

#include "tools/program/context.h"

/// The subcommands of `cutaway graph`, a file each.
namespace cutaway::tools {

class Command;

void add_graph_learn(Command& group, Context& context);
void add_graph_infer(Command& group, Context& context);
void add_graph_show(Command& group, Context& context);
void add_graph_evaluate(Command& group, Context& context);
void add_graph_bench(Command& group, Context& context);

}  // namespace cutaway::tools
