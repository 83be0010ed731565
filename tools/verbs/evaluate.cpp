#include "explain/evaluate/run/evaluate_run.h"
#include "explain/runs/load_network.h"
#include "runtime/error.h"
#include "tools/printing/print.h"
#include "tools/program/command.h"
#include "tools/training/creature_command.h"
#include "tools/training/evaluate_labelled.h"
#include "tools/verbs/verbs.h"

namespace cutaway::tools {

using namespace explain;
namespace {

struct Options {
  std::vector<std::string> methods{"saliency", "guided", "gradcam"};
  std::string deletion_fill{"zero"}, insertion_fill{"blur"}, weights{"truncated_normal"};
  std::int64_t count{1000};
  EvaluateJob job;
  EvaluateLabelled labelled;
};

int evaluate(Options& o, const Context& context) {
  if (!o.labelled.job.data.empty()) {
    o.labelled.job.model = o.job.model_path;
    o.labelled.job.out = o.job.out;
    return evaluate_labelled(o.labelled, context);
  }
  if (o.job.inputs.empty()) return evaluate_creatures(o.job.model_path, o.count, context);
  if (o.job.out.empty()) throw Error(ErrorKind::kUsage, "--out is missing");
  const weights::Package package = load_network(o.job.model_path);
  o.job.methods = methods_named(o.methods);
  o.job.source.observer = &context.observer();
  o.job.deletion_fill = find_fill(o.deletion_fill);
  o.job.insertion_fill = find_fill(o.insertion_fill);
  o.job.kind = find_reinitialization(o.weights);
  const EvaluateSummary s = run_evaluate(o.job, package, context.run());
  print(s, context);
  return s.failed == 0 && s.refusals.empty() ? kExitOk : kExitPartial;
}

void add_settings(Command& verb, Options& o) {
  verb.add_option("--step", o.job.step, "pixels a step of the curves; 0: eight rows");
  verb.add_option("--deletion-fill", o.deletion_fill, "zero, blur, mean, shuffle")
      .capture_default_str();
  verb.add_option("--insertion-fill", o.insertion_fill, "zero, blur, mean, shuffle")
      .capture_default_str();
  verb.add_option("--sanity", o.job.sanity, "pictures of the sanity check; 0: none")
      .check(range(0, 1000));
  verb.add_option("--sanity-steps", o.job.sanity_steps, "groups of layers that get new weights")
      .check(range(1, 1000))
      .capture_default_str();
  verb.add_option("--continuity", o.job.continuity,
                  "pictures that are moved and made noisy, to see how maps follow; 0: none")
      .check(range(0, 1000));
  verb.add_option("--shift", o.job.continuity_shift, "pixels to either side that they are moved")
      .check(range(1, 1000))
      .capture_default_str();
  verb.add_option("--weights", o.weights, "new weights: truncated_normal, he, permutation")
      .capture_default_str();
  verb.add_flag("--independent", o.job.independent, "one group at a time instead of cascading");
}

}  // namespace

void add_evaluate(Command& program, Context& context) {
  auto o = std::make_shared<Options>();
  Command& verb = program.add_subcommand(
      "evaluate", "Explanations measured on pictures; without pictures: accuracy on creatures");
  verb.footer(
      "Without pictures, on held-out creatures: accuracy, and CAM boxes (largest component above "
      "20 % of the maximum) against true ones.\n"
      "example: cutaway evaluate googlenet.h5 photos/ --method gradcam,saliency --out out");
  verb.add_option("model", o->job.model_path, "a Cutaway package").required();
  verb.add_option("inputs", o->job.inputs,
                  "pictures, folders, lists (.csv, .txt), .tar, .tar.gz, HDF5");
  verb.add_option(
      "--data", o->labelled.job.data,
      "labelled pictures as cutaway train takes them: accuracy instead of explanations");
  verb.add_option("--split", o->labelled.job.split, "with --data: only train, validation or test");
  verb.add_option("--classes", o->labelled.classes, "with --data: only these").delimiter(',');
  verb.add_option("--method", o->methods, "methods and groups, with commas")
      .delimiter(',')
      .capture_default_str();
  verb.add_option("--metric", o->job.metrics,
                  "with commas: deletion, insertion, average_drop, increase, selectivity, "
                  "infidelity, max_sensitivity, pointing, energy")
      .delimiter(',')
      .capture_default_str();
  verb.add_option("--out", o->job.out, "folder for the results");
  verb.add_option("--layer", o->job.layer, "layer of methods that take one");
  verb.add_option("--truth", o->job.truth, "boxes, for pointing and energy: JSON or CSV");
  verb.add_flag("--label", o->job.label_target, "explain the label, not the first class");
  verb.add_option("--most", o->job.most, "pictures; 0: all");
  add_settings(verb, *o);
  verb.add_flag("--recursive", o->job.source.recursive, "look into sub-folders");
  verb.add_option("--count", o->count, "creatures to render")
      .check(range(1, 1000000))
      .capture_default_str();
  verb.add_flag("--resume", o->job.resume, "go on where the same run was stopped");
  verb.add_flag("--overwrite", o->job.overwrite, "write into the folder of a finished run");
  verb.callback(
      [o, &context] { context.action = [o, &context] { return evaluate(*o, context); }; });
}

}  // namespace cutaway::tools
