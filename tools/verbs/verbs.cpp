#include "tools/verbs/verbs.h"

#include "tools/program/command.h"
#include "tools/verbs/transfer.h"

namespace cutaway::tools {

void add_verbs(Command& program, Context& context) {
  add_info(program, context);
  add_classify(program, context);
  add_explain(program, context);
  add_localize(program, context);
  add_visualize(program, context);
  add_units(program, context);
  add_filters(program, context);
  add_study(program, context);
  add_convert(program, context);
  add_export(program, context);
  add_train(program, context);
  add_transfer(program, context);
  add_dataset(program, context);
  add_evaluate(program, context);
  add_roar(program, context);
  add_compare(program, context);
  add_verify(program, context);
  add_bench(program, context);
  add_graph(program, context);
}

}  // namespace cutaway::tools
