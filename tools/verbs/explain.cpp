#include <limits>

#include "explain/runs/explain_run.h"
#include "explain/runs/load_network.h"
#include "tools/printing/print.h"
#include "tools/program/command.h"
#include "tools/program/crop_options.h"
#include "tools/program/output.h"
#include "tools/verbs/verbs.h"

namespace cutaway::tools {

using namespace explain;
namespace {

struct Options {
  std::vector<std::string> methods, options;
  std::string unit, colormap{"turbo"};
  bool no_raw{false}, no_pictures{false}, no_report{false};
  ExplainJob job;
};

int explain_images(Options& o, const Context& context) {
  ExplainJob& job = o.job;
  job.methods = methods_named(o.methods);
  for (const std::string& text : o.options) add_method_option(job.options, text);
  if (!o.unit.empty()) add_unit_option(job.options, o.unit);
  job.paint.colormap = parse_colormap(o.colormap);
  job.raw = !o.no_raw;
  job.pictures = !o.no_pictures;
  job.report = !o.no_report;
  job.source.observer = &context.observer();
  if (job.report_rows == 0) job.report_rows = std::numeric_limits<std::int64_t>::max();
  if (job.source.null_separated && job.inputs.empty()) job.inputs = {"-"};
  if (job.targets.empty()) {
    job.targets = {"top1"};
    context.info("target: top1, the net's first class of each picture (--target chooses others)");
  }
  const ExplainSummary summary = run_explain(job, load_network(job.model_path), context.run());
  print(summary, context);
  return exit_code_of(summary.images, summary.clean());
}

void add_output_options(Command& verb, Options& o) {
  verb.add_option("--out", o.job.out, "folder for the results").required();
  verb.add_option("--colormap", o.colormap, "turbo, jet, viridis, gray").capture_default_str();
  verb.add_option("--heat", o.job.paint.heat_weight, "weight of the heat in overlays")
      .check(range(0.0, 1.0));
  verb.add_flag("--shared-scale", o.job.shared_scale,
                "report and sheet: a column's maps on one colour scale");
  verb.add_option("--report-rows", o.job.report_rows, "pictures in the report, 100 a page; 0: all")
      .check(range(0, 1000000))
      .capture_default_str();
  verb.add_flag("--pack", o.job.pack,
                "raw maps in one HDF5 file, no picture a map: for many images");
  verb.add_flag("--no-raw", o.no_raw, "do not write the raw maps").excludes("--pack");
  verb.add_flag("--no-pictures", o.no_pictures, "do not write pictures");
  verb.add_flag("--no-report", o.no_report, "do not write report.html");
  verb.add_flag("--resume", o.job.resume, "go on where the same run was stopped");
  verb.add_flag("--overwrite", o.job.overwrite, "replace the run that the folder holds");
}

}  // namespace

void add_explain(Command& program, Context& context) {
  auto o = std::make_shared<Options>();
  Command& verb = program.add_subcommand("explain", "Explain decisions: maps, pictures, a report");
  verb.footer(method_help() +
              "\nexample: cutaway explain googlenet.h5 photos/ --method gradcam,guided --out out");
  verb.add_option("model", o->job.model_path, "a Cutaway package").required();
  verb.add_option("inputs", o->job.inputs,
                  "pictures, folders, lists (.csv, .txt), .tar, .tar.gz, HDF5, or - for paths on "
                  "standard input");
  verb.add_flag("-0,--null", o->job.source.null_separated,
                "paths on standard input end in NUL, not in a line feed");
  verb.add_option("--method", o->methods, "methods and groups, separated by commas")
      .delimiter(',')
      .required();
  verb.add_option("--target", o->job.targets,
                  "top1, top2 ..., label, expected, column:NAME, pair, a class number or name; "
                  "several with commas")
      .delimiter(',');
  verb.add_option("--layer", o->job.layers,
                  "layers of methods that take one (default: the last maps)")
      .delimiter(',');
  verb.add_option("--unit", o->unit,
                  "deconvnet: CHANNEL or CHANNEL@ROW,COLUMN (default: the strongest)");
  verb.add_option("--option", o->options, "METHOD.NAME=VALUE");
  verb.add_option("--batch", o->job.batch, "pictures at a time").check(range(1, 1024));
  verb.add_flag("--recursive", o->job.source.recursive, "look into sub-folders");
  add_crop_options(verb, o->job.crops);
  add_output_options(verb, *o);
  verb.callback(
      [o, &context] { context.action = [o, &context] { return explain_images(*o, context); }; });
}

}  // namespace cutaway::tools
