#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>

#include "explain/method.h"
#include "explain/runs/explain_run.h"
#include "explain/runs/load_network.h"
#include "explain/runs/pixel_box.h"
#include "runtime/error.h"
#include "tools/program/crop_options.h"
#include "tools/verbs/verbs.h"

namespace cutaway::tools {

using namespace explain;
namespace {

using MethodOptions = std::vector<std::pair<std::string, Attributes>>;

struct Options {
  std::vector<std::string> methods, options;
  std::string unit, colormap{"turbo"};
  bool no_raw{false}, no_pictures{false}, no_report{false};
  CropOptions crops;
  ExplainJob job;
};

Attributes::Value parse_value(const std::string& text) {
  if (text == "true" || text == "false") return text == "true";
  const char* end = text.data() + text.size();
  std::int64_t integer = 0;
  if (const auto r = std::from_chars(text.data(), end, integer);
      r.ec == std::errc{} && r.ptr == end) {
    return integer;
  }
  double number = 0;
  if (const auto r = std::from_chars(text.data(), end, number);
      r.ec == std::errc{} && r.ptr == end) {
    return number;
  }
  return text;
}

Attributes& options_of(MethodOptions& all, const std::string& method) {
  for (auto& [name, values] : all) {
    if (name == method) return values;
  }
  return all.emplace_back(method, Attributes()).second;
}

/// "deconvnet.channel=12"
void add_option(MethodOptions& all, const std::string& text) {
  const std::size_t dot = text.find('.');
  const std::size_t equals = text.find('=');
  if (dot == std::string::npos || equals == std::string::npos || dot > equals || dot == 0) {
    throw Error(ErrorKind::kUsage, "--option").expected("METHOD.NAME=VALUE").got(text);
  }
  options_of(all, text.substr(0, dot))
      .set(text.substr(dot + 1, equals - dot - 1), parse_value(text.substr(equals + 1)));
}

/// "CHANNEL" or "CHANNEL@ROW,COLUMN" for the deconvnet.
void add_unit(MethodOptions& all, const std::string& text) {
  long long channel = -1;
  long long row = -1;
  long long column = -1;
  int used = 0;
  const int fields =
      std::sscanf(text.c_str(), "%lld%n@%lld,%lld%n", &channel, &used, &row, &column, &used);
  if ((fields != 1 && fields != 3) || static_cast<std::size_t>(used) != text.size() ||
      channel < 0) {
    throw Error(ErrorKind::kUsage, "--unit").expected("CHANNEL or CHANNEL@ROW,COLUMN").got(text);
  }
  Attributes& values = options_of(all, "deconvnet");
  values.set("channel", std::int64_t{channel});
  if (fields == 3) {
    values.set("row", std::int64_t{row});
    values.set("column", std::int64_t{column});
  }
}

std::string layers_text(const ExplainSummary& s) {
  std::string text;
  for (const auto& [name, why] : s.layers) text += (text.empty() ? "" : "; ") + name + ": " + why;
  return text;
}

void print(const ExplainSummary& s, const Context& context) {
  if (context.common.json) {
    using Json = nlohmann::ordered_json;
    Json failures = Json::array();
    for (const auto& [file, error] : s.failures) {
      failures.push_back({{"file", file}, {"error", error}});
    }
    Json layers = Json::array();
    for (const auto& [name, why] : s.layers) layers.push_back({{"layer", name}, {"why", why}});
    const Json result{{"images", s.images},
                      {"maps", s.maps},
                      {"failed", s.failed},
                      {"resumed", s.resumed},
                      {"layer", s.layers.empty() ? "" : s.layers.front().name},
                      {"layer_why", s.layers.empty() ? "" : s.layers.front().why},
                      {"layers", layers},
                      {"report", s.report},
                      {"manifest", s.manifest},
                      {"forward_seconds", s.forward_seconds},
                      {"explain_seconds", s.explain_seconds},
                      {"write_seconds", s.write_seconds},
                      {"failures", failures}};
    std::printf("%s\n", result.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    return;
  }
  std::printf("%lld images, %lld maps (layer %s)\n", static_cast<long long>(s.images),
              static_cast<long long>(s.maps), layers_text(s).c_str());
  if (s.failed > 0) std::printf("%lld images failed\n", static_cast<long long>(s.failed));
  std::printf("forward %.3f s, explanations %.3f s, pictures %.3f s\n", s.forward_seconds,
              s.explain_seconds, s.write_seconds);
  std::printf("%s\n", s.report.empty() ? s.manifest.c_str() : s.report.c_str());
}

void check_outputs(const Options& o) {
  if (o.job.pack && o.no_raw) {
    throw Error(ErrorKind::kUsage, "--pack keeps the raw maps, --no-raw drops them")
        .hint("choose one");
  }
}

int explain_images(Options& o, const Context& context) {
  MethodOptions options;
  for (const std::string& text : o.options) add_option(options, text);
  if (!o.unit.empty()) add_unit(options, o.unit);
  ExplainJob& job = o.job;
  job.paint.colormap = parse_colormap(o.colormap);
  job.raw = !o.no_raw;
  job.pictures = !o.no_pictures;
  job.report = !o.no_report;
  if (job.report_rows == 0) job.report_rows = std::numeric_limits<std::int64_t>::max();
  if (job.source.null_separated && job.inputs.empty()) job.inputs = {"-"};
  check_outputs(o);
  if (job.targets.empty()) {
    job.targets = {"top1"};
    context.info("target: top1, the net's first class of each picture (--target chooses others)");
  }
  const weights::Package package = load_network(job.model_path);
  const std::string layer = job.layers.empty() ? "" : job.layers.front();
  job.methods = choose_methods(o.methods, options, package.model.graph, layer, job.left_out);
  for (MethodChoice& choice : job.methods)
    add_pixel_box(choice.name, package.preprocess, choice.options);
  job.crops = choose_crops(o.crops, package.preprocess, package.model.graph.node(0).shape);
  for (const std::string& why : job.left_out) context.info("left out: " + why);
  const ExplainSummary summary = run_explain(job, package, context.run());
  print(summary, context);
  if (summary.images == 0) return kExitInput;
  return summary.failed == 0 ? kExitOk : kExitPartial;
}

std::string method_help() {
  std::string text = "methods:";
  for (const std::string& name : method_names()) {
    text += "\n  " + name + ": " + method_summary(name);
  }
  return text + "\ngroups:" + group_help() +
         "\nexample: cutaway explain googlenet.h5 photos/ --method gradcam,guided --out out";
}

}  // namespace

void add_explain(CLI::App& program, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = program.add_subcommand("explain", "Explain decisions: maps, pictures, a report");
  verb->footer(method_help());
  verb->add_option("model", o->job.model_path, "a Cutaway package")->required();
  verb->add_option("inputs", o->job.inputs,
                   "pictures, folders, lists (.csv, .txt), .tar, .tar.gz, HDF5, or - for paths on "
                   "standard input");
  verb->add_flag("-0,--null", o->job.source.null_separated,
                 "paths on standard input end in NUL, not in a line feed");
  verb->add_option("--method", o->methods, "methods and groups, separated by commas")
      ->delimiter(',')
      ->required();
  verb->add_option("--out", o->job.out, "folder for the results")->required();
  verb->add_option("--target", o->job.targets,
                   "top1, top2 ..., label, expected, column:NAME, pair, a class number or name; "
                   "several with commas")
      ->delimiter(',');
  verb->add_option("--layer", o->job.layers,
                   "layers of methods that take one (default: the last maps)")
      ->delimiter(',');
  verb->add_option("--unit", o->unit,
                   "deconvnet: CHANNEL or CHANNEL@ROW,COLUMN (default: the strongest)");
  verb->add_option("--option", o->options, "METHOD.NAME=VALUE");
  verb->add_option("--batch", o->job.batch, "pictures at a time")->check(CLI::Range(1, 1024));
  add_crop_options(*verb, o->crops);
  verb->add_option("--colormap", o->colormap, "turbo, jet, viridis, gray")->capture_default_str();
  verb->add_option("--heat", o->job.paint.heat_weight, "weight of the heat in overlays")
      ->check(CLI::Range(0.0, 1.0));
  verb->add_flag("--shared-scale", o->job.shared_scale,
                 "report and sheet: a column's maps on one colour scale");
  verb->add_option("--report-rows", o->job.report_rows,
                   "pictures in the report, 100 a page; 0: all")
      ->check(CLI::Range(0, 1000000))
      ->capture_default_str();
  verb->add_flag("--pack", o->job.pack,
                 "raw maps in one HDF5 file, no picture a map: for many images");
  verb->add_flag("--recursive", o->job.source.recursive, "look into sub-folders");
  verb->add_flag("--no-raw", o->no_raw, "do not write the raw maps");
  verb->add_flag("--no-pictures", o->no_pictures, "do not write pictures");
  verb->add_flag("--no-report", o->no_report, "do not write report.html");
  verb->add_flag("--resume", o->job.resume, "go on where the same run was stopped");
  verb->add_flag("--overwrite", o->job.overwrite, "write into the folder of a finished run");
  verb->callback(
      [o, &context] { context.action = [o, &context] { return explain_images(*o, context); }; });
}

}  // namespace cutaway::tools
