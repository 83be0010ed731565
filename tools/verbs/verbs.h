#pragma once

#include "tools/program/context.h"

/// One file a verb; each adds its subcommand and, when chosen, sets Context::action.
namespace cutaway::tools {

void add_info(CLI::App& program, Context& context);
void add_classify(CLI::App& program, Context& context);
void add_explain(CLI::App& program, Context& context);
void add_localize(CLI::App& program, Context& context);
void add_visualize(CLI::App& program, Context& context);
void add_units(CLI::App& program, Context& context);
void add_filters(CLI::App& program, Context& context);
void add_study(CLI::App& program, Context& context);
void add_convert(CLI::App& program, Context& context);
void add_export(CLI::App& program, Context& context);
void add_train(CLI::App& program, Context& context);
void add_dataset(CLI::App& program, Context& context);
void add_evaluate(CLI::App& program, Context& context);
void add_compare(CLI::App& program, Context& context);
void add_verify(CLI::App& program, Context& context);
void add_bench(CLI::App& program, Context& context);
void add_graph(CLI::App& program, Context& context);

/// All of them, in the order of --help.
void add_verbs(CLI::App& program, Context& context);

}  // namespace cutaway::tools
