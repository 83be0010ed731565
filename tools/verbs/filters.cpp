#include "explain/visualize/run/filters_run.h"
#include "tools/printing/print.h"
#include "tools/program/command.h"
#include "tools/verbs/verbs.h"

namespace cutaway::tools {

using namespace explain;

void add_filters(Command& program, Context& context) {
  auto job = std::make_shared<FiltersJob>();
  auto scale = std::make_shared<std::string>("each");
  Command& verb =
      program.add_subcommand("filters", "First-layer filters as a picture; dead ones, spectra");
  verb.footer(
      "Dead: a root mean square below 5 % of the median, or no answer above 0 on all of --data.\n"
      "example: cutaway filters googlenet.h5 --out filters.png");
  verb.add_option("model", job->model, "a Cutaway package").required();
  verb.add_option("--layer", job->layer, "convolution (default: the first that reads the pixels)");
  verb.add_option("--out", job->out, "PNG file");
  verb.add_flag("--overwrite", job->overwrite, "replace an existing file");
  verb.add_option("--data", job->data, "pictures to look for filters that never answer");
  verb.add_option("--scale", *scale, "each: a filter's own scale; global: one for all")
      .check(one_of({"each", "global"}))
      .capture_default_str();
  verb.add_option("--magnify", job->magnify, "pixels a weight")
      .check(range(1, 64))
      .capture_default_str();
  verb.callback([job, scale, &context] {
    context.action = [job, scale, &context] {
      job->scale = *scale == "each" ? FilterScale::kEach : FilterScale::kGlobal;
      print(run_filters(*job, context.run()), context);
      return kExitOk;
    };
  });
}

}  // namespace cutaway::tools
