#pragma once

#include "tools/program/context.h"

/// One file a verb; each adds its subcommand and, when chosen, sets Context::action.
namespace cutaway::tools {

class Command;

void add_info(Command& program, Context& context);
void add_classify(Command& program, Context& context);
void add_explain(Command& program, Context& context);
void add_localize(Command& program, Context& context);
void add_visualize(Command& program, Context& context);
void add_units(Command& program, Context& context);
void add_filters(Command& program, Context& context);
void add_study(Command& program, Context& context);
void add_convert(Command& program, Context& context);
void add_export(Command& program, Context& context);
void add_train(Command& program, Context& context);
void add_dataset(Command& program, Context& context);
void add_evaluate(Command& program, Context& context);
void add_compare(Command& program, Context& context);
void add_roar(Command& program, Context& context);
void add_verify(Command& program, Context& context);
void add_bench(Command& program, Context& context);
void add_graph(Command& program, Context& context);

/// All of them, in the order of --help.
void add_verbs(Command& program, Context& context);

}  // namespace cutaway::tools
