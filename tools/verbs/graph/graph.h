#pragma once

#include "tools/program/context.h"

/// The subcommands of `cutaway graph`, a file each.
namespace cutaway::tools {

void add_graph_learn(CLI::App& group, Context& context);
void add_graph_infer(CLI::App& group, Context& context);
void add_graph_show(CLI::App& group, Context& context);
void add_graph_evaluate(CLI::App& group, Context& context);
void add_graph_bench(CLI::App& group, Context& context);

}  // namespace cutaway::tools
