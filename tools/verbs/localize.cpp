#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "explain/localization/run/localize_run.h"
#include "explain/localization/run/outputs.h"
#include "explain/pictures/read_image.h"
#include "explain/pictures/write_image.h"
#include "explain/runs/load_network.h"
#include "runtime/error.h"
#include "tools/program/crop_options.h"
#include "tools/verbs/verbs.h"

namespace cutaway::tools {

using namespace explain;
namespace {

struct Options {
  std::vector<std::string> methods{"cam"}, rules{"threshold"};
  std::string resample{"bilinear"};
  CropOptions crops;
  BoxOptions boxes;
  bool clean{false}, no_curves{false};
  LocalizeJob job;
};

/// Through a JPEG and back, as the authors stored their heat maps.
std::function<ByteMap(const ByteMap&)> through_jpeg(int quality) {
  return [quality](const ByteMap& map) {
    Image gray = make_image(map.width, map.height);
    for (std::size_t i = 0; i < map.values.size(); ++i) {
      for (std::size_t k = 0; k < 3; ++k) gray.rgb[3 * i + k] = map.values[i];
    }
    const Image back = decode_image(encode_jpeg(gray, {quality, false}), "heat map");
    ByteMap out = make_byte_map(map.width, map.height);
    for (std::size_t i = 0; i < out.values.size(); ++i) out.values[i] = back.rgb[3 * i];
    return out;
  };
}

/// "threshold", "threshold:0.15", "dt" ...
RuleChoice rule_of(const std::string& text, const BoxOptions& options) {
  const std::size_t colon = text.find(':');
  RuleChoice choice{text, parse_box_rule(text.substr(0, colon)), options, 0};
  if (colon == std::string::npos) return choice;
  const char* begin = text.data() + colon + 1;
  const char* end = text.data() + text.size();
  float share = -1.0F;
  const auto r = std::from_chars(begin, end, share);
  const bool good = choice.rule == BoxRule::kThreshold && r.ec == std::errc{} && r.ptr == end &&
                    share >= 0.0F && share < 1.0F;
  if (!good) {
    throw Error(ErrorKind::kUsage, "--boxes")
        .expected("threshold, threshold:SHARE with a share in [0, 1), dt, graphcut, grabcut")
        .got(text);
  }
  choice.options.threshold = share;
  return choice;
}

void print(const LocalizeJob& job, const LocalizeSummary& s, const Context& context) {
  if (context.common.json) {
    nlohmann::ordered_json result = nlohmann::ordered_json::parse(results_json(job, s));
    result["layer"] = s.layer;
    result["report"] = s.report;
    result["manifest"] = s.manifest;
    std::printf(
        "%s\n",
        result.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
    return;
  }
  std::printf("%lld images (layer %s)\n", static_cast<long long>(s.images), s.layer.c_str());
  if (s.failed > 0) std::printf("%lld images failed\n", static_cast<long long>(s.failed));
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
  const weights::Package package = load_network(job.model_path);
  job.crops = choose_crops(o.crops, package.preprocess, package.model.graph.node(0).shape);
  job.resample = parse_resample(o.resample);
  job.curves = !o.no_curves;
  std::vector<std::string> left_out;
  job.methods = choose_methods(o.methods, {}, package.model.graph, job.layer, left_out);
  for (const std::string& why : left_out) context.info("left out: " + why);
  o.boxes.dt.suppression = o.clean ? Suppression::kClean : Suppression::kAuthors;
  o.boxes.graph_cut.mixture.seed = o.boxes.grab_cut.seed = context.common.seed;
  if (job.jpeg > 0) o.boxes.stored = through_jpeg(static_cast<int>(job.jpeg));
  for (const std::string& text : o.rules) {
    job.rules.push_back(rule_of(text, o.boxes));
    job.rules.back().jpeg = job.jpeg;
  }
  const LocalizeSummary summary = run_localize(job, package, context.run());
  print(job, summary, context);
  if (summary.images == 0) return kExitInput;
  return summary.failed == 0 ? kExitOk : kExitPartial;
}

void add_box_options(CLI::App& verb, Options& o) {
  verb.add_option("--boxes", o.rules,
                  "rules, with commas: threshold, threshold:SHARE, dt, graphcut, grabcut")
      ->delimiter(',')
      ->capture_default_str();
  verb.add_option("--threshold", o.boxes.threshold, "threshold: share of the map's maximum")
      ->check(CLI::Range(0.0, 0.999))
      ->capture_default_str();
  verb.add_flag("--clean", o.clean,
                "dt: compare every pair of boxes (the authors' loop skips some)");
  verb.add_option(
          "--jpeg", o.job.jpeg,
          "dt, grabcut: heat maps go through a JPEG of this quality, as the authors'; 0: no")
      ->check(CLI::Range(0, 100));
  verb.add_option("--high", o.boxes.graph_cut.high,
                  "graphcut: quantile above which pixels model the foreground")
      ->capture_default_str();
  verb.add_option("--low", o.boxes.graph_cut.low,
                  "graphcut: quantile below which they model the background")
      ->capture_default_str();
  verb.add_option("--components", o.boxes.graph_cut.mixture.components,
                  "graphcut: Gaussians a colour model")
      ->capture_default_str();
  verb.add_option("--gamma", o.boxes.graph_cut.gamma, "graphcut: weight of the boundary")
      ->capture_default_str();
  verb.add_option("--iterate", o.boxes.graph_cut.iterate,
                  "graphcut: cuts, with colour models refitted between")
      ->capture_default_str();
  verb.add_flag("--hard-seeds", o.boxes.graph_cut.hard_seeds,
                "graphcut: pixels of the models keep their labels");
}

}  // namespace

void add_localize(CLI::App& program, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = program.add_subcommand(
      "localize", "Boxes around objects, found by explanations; measured against truth");
  verb->footer(
      "example: cutaway localize googlenet.h5 photos/ --method cam,gradcam --boxes threshold,dt "
      "--truth boxes.json --out out");
  verb->add_option("model", o->job.model_path, "a Cutaway package")->required();
  verb->add_option("inputs", o->job.inputs,
                   "pictures, folders, lists (.csv, .txt), .tar, .tar.gz, HDF5");
  verb->add_option("--method", o->methods, "methods whose maps have one channel, with commas")
      ->delimiter(',')
      ->capture_default_str();
  verb->add_option("--layer", o->job.layer,
                   "layer of methods that take one (default: the last maps)");
  verb->add_option("--out", o->job.out, "folder for the results")->required();
  verb->add_option("--truth", o->job.truth,
                   "classes and boxes: JSON, or CSV with file, label, x1, y1, x2, y2");
  verb->add_option("--top", o->job.top, "classes a picture")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  add_box_options(*verb, *o);
  add_crop_options(*verb, o->crops);
  verb->add_option("--resample", o->resample,
                   "map to picture: bilinear, cubic-matlab (CAM's authors) ...")
      ->capture_default_str();
  verb->add_option("--work-side", o->job.work_side,
                   "boxes are looked for on pictures of at most this side; 0: as they are")
      ->check(CLI::Range(0, 8192))
      ->capture_default_str();
  verb->add_option("--pictures", o->job.pictures, "pictures drawn, and in the report")
      ->check(CLI::Range(0, 100000))
      ->capture_default_str();
  verb->add_option("--samples", o->job.samples, "bootstrap samples for the intervals")
      ->check(CLI::Range(0, 100000))
      ->capture_default_str();
  verb->add_option("--tau-step", o->job.tau_step, "MaxBoxAcc: step of thresholds")
      ->capture_default_str();
  verb->add_flag("--no-curves", o->no_curves,
                 "leave MaxBoxAcc out, which cuts every map at 256 levels");
  verb->add_option("--batch", o->job.batch, "pictures at a time")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  verb->add_flag("--recursive", o->job.source.recursive, "look into sub-folders");
  verb->add_flag("--resume", o->job.resume, "go on where the same run was stopped");
  verb->add_flag("--overwrite", o->job.overwrite, "write into the folder of a finished run");
  verb->callback(
      [o, &context] { context.action = [o, &context] { return localize(*o, context); }; });
}

}  // namespace cutaway::tools
