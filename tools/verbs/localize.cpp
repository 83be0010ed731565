#include <cstdio>
#include <nlohmann/json.hpp>

#include "explain/localization/run/localize_run.h"
#include "explain/localization/run/outputs.h"
#include "explain/runs/load_network.h"
#include "tools/program/box_options.h"
#include "tools/program/command.h"
#include "tools/program/crop_options.h"
#include "tools/program/output.h"
#include "tools/verbs/verbs.h"

namespace cutaway::tools {

using namespace explain;
namespace {

struct Options {
  std::vector<std::string> methods{"cam"};
  std::string resample{"bilinear"};
  CropOptions crops;
  BoxRuleOptions boxes;
  bool no_curves{false};
  LocalizeJob job;
};

void print(const LocalizeJob& job, const LocalizeSummary& s, const Context& context) {
  if (context.common.json) {
    Json result = Json::parse(results_json(job, s));
    result["layer"] = s.layer;
    result["report"] = s.report;
    result["manifest"] = s.manifest;
    if (!s.refusals.empty()) result["refusals"] = s.refusals;
    print_json(result);
    return;
  }
  std::printf("%lld images (layer %s)\n", static_cast<long long>(s.images), s.layer.c_str());
  print_failed(s.failed);
  if (s.labelled > 0) {
    const double n = static_cast<double>(s.labelled) / 100.0;
    std::printf("%lld of known class: top-1 %.2f %%, top-%lld %.2f %%\n",
                static_cast<long long>(s.labelled), static_cast<double>(s.top1) / n,
                static_cast<long long>(job.top), static_cast<double>(s.topk) / n);
  }
  if (s.table.pictures > 0) std::fputs(to_text(s.table).c_str(), stdout);
  std::printf("explanations %.3f s, boxes %.3f s\n%s\n", s.explain_seconds, s.box_seconds,
              s.report.c_str());
}

int localize(Options& o, const Context& context) {
  LocalizeJob& job = o.job;
  job.source.observer = &context.observer();
  const weights::Package package = load_network(job.model_path);
  job.crops = choose_crops(o.crops, package.preprocess, package.model.graph.node(0).shape);
  job.resample = parse_resample(o.resample);
  job.curves = !o.no_curves;
  job.methods = methods_named(o.methods);
  job.rules = o.boxes.choose(context.common.seed);
  job.jpeg = o.boxes.jpeg;
  const LocalizeSummary summary = run_localize(job, package, context.run());
  print(job, summary, context);
  return exit_code_of(summary.images, summary.failed == 0 && summary.refusals.empty());
}

}  // namespace

void add_localize(Command& program, Context& context) {
  auto o = std::make_shared<Options>();
  Command& verb = program.add_subcommand(
      "localize", "Boxes around objects, found by explanations; measured against truth");
  verb.footer(
      "example: cutaway localize googlenet.h5 photos/ --method cam,gradcam --boxes threshold,dt "
      "--truth boxes.json --out out");
  verb.add_option("model", o->job.model_path, "a Cutaway package").required();
  verb.add_option("inputs", o->job.inputs,
                  "pictures, folders, lists (.csv, .txt), .tar, .tar.gz, HDF5");
  verb.add_option("--method", o->methods, "methods whose maps have one channel, with commas")
      .delimiter(',')
      .capture_default_str();
  verb.add_option("--layer", o->job.layer,
                  "layer of methods that take one (default: the last maps)");
  verb.add_option("--out", o->job.out, "folder for the results").required();
  verb.add_option("--truth", o->job.truth,
                  "classes and boxes: JSON, or CSV with file, label, x1, y1, x2, y2");
  verb.add_option("--top", o->job.top, "classes a picture")
      .check(range(1, 100))
      .capture_default_str();
  add_box_options(verb, o->boxes);
  add_crop_options(verb, o->crops);
  verb.add_option("--resample", o->resample,
                  "map to picture: bilinear, cubic-matlab (CAM's authors) ...")
      .capture_default_str();
  verb.add_option("--work-side", o->job.work_side,
                  "boxes are looked for on pictures of at most this side; 0: as they are")
      .check(range(0, 8192))
      .capture_default_str();
  verb.add_option("--pictures", o->job.pictures, "pictures drawn, and in the report")
      .check(range(0, 100000))
      .capture_default_str();
  verb.add_option("--samples", o->job.samples,
                  "groups of pictures left out in turn for the intervals; 0: no intervals")
      .check(range(0, 100000))
      .capture_default_str();
  verb.add_option("--tau-step", o->job.tau_step, "MaxBoxAcc: step of thresholds")
      .capture_default_str();
  verb.add_flag("--no-curves", o->no_curves,
                "leave MaxBoxAcc out, which cuts every map at 256 levels");
  verb.add_option("--batch", o->job.batch, "pictures at a time")
      .check(range(1, 1024))
      .capture_default_str();
  verb.add_flag("--recursive", o->job.source.recursive, "look into sub-folders");
  verb.add_flag("--resume", o->job.resume, "go on where the same run was stopped");
  verb.add_flag("--overwrite", o->job.overwrite, "write into the folder of a finished run");
  verb.callback(
      [o, &context] { context.action = [o, &context] { return localize(*o, context); }; });
}

}  // namespace cutaway::tools
