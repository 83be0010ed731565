#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "explain/method.h"
#include "runtime/error.h"
#include "tools/explaining/run.h"
#include "tools/program/network.h"
#include "tools/verbs/verbs.h"

namespace cutaway::tools {
namespace {

struct Options {
  std::vector<std::string> inputs, options;
  std::string unit, colormap{"turbo"};
  bool recursive{false}, overwrite{false}, no_raw{false}, no_pictures{false}, no_report{false};
  ExplainJob job;
};

Attributes::Value parse_value(const std::string& text) {
  if (text == "true" || text == "false") return text == "true";
  const char* end = text.data() + text.size();
  std::int64_t integer = 0;
  if (const auto r = std::from_chars(text.data(), end, integer); r.ec == std::errc{} && r.ptr == end) {
    return integer;
  }
  double number = 0;
  if (const auto r = std::from_chars(text.data(), end, number); r.ec == std::errc{} && r.ptr == end) {
    return number;
  }
  return text;
}

Attributes& options_of(ExplainJob& job, const std::string& method) {
  for (auto& [name, values] : job.options) {
    if (name == method) return values;
  }
  return job.options.emplace_back(method, Attributes()).second;
}

/// "deconvnet.channel=12"
void add_option(ExplainJob& job, const std::string& text) {
  const std::size_t dot = text.find('.');
  const std::size_t equals = text.find('=');
  if (dot == std::string::npos || equals == std::string::npos || dot > equals || dot == 0) {
    throw Error(ErrorKind::kUsage, "--option").expected("METHOD.NAME=VALUE").got(text);
  }
  options_of(job, text.substr(0, dot))
      .set(text.substr(dot + 1, equals - dot - 1), parse_value(text.substr(equals + 1)));
}

/// "CHANNEL" or "CHANNEL@ROW,COLUMN" for the deconvnet.
void add_unit(ExplainJob& job, const std::string& text) {
  long long channel = -1;
  long long row = -1;
  long long column = -1;
  int used = 0;
  const int fields = std::sscanf(text.c_str(), "%lld%n@%lld,%lld%n", &channel, &used, &row, &column, &used);
  if ((fields != 1 && fields != 3) || static_cast<std::size_t>(used) != text.size() || channel < 0) {
    throw Error(ErrorKind::kUsage, "--unit").expected("CHANNEL or CHANNEL@ROW,COLUMN").got(text);
  }
  Attributes& values = options_of(job, "deconvnet");
  values.set("channel", std::int64_t{channel});
  if (fields == 3) {
    values.set("row", std::int64_t{row});
    values.set("column", std::int64_t{column});
  }
}

void prepare_folder(const Options& o) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (fs::exists(o.job.out + "/manifest.json", error) && !o.overwrite) {
    throw Error(ErrorKind::kUsage, "the folder already holds a finished run")
        .at(o.job.out)
        .hint("choose another --out, or --overwrite");
  }
  fs::create_directories(o.job.out, error);
  if (error) {
    throw Error(ErrorKind::kInput, "cannot make the folder: " + error.message()).at(o.job.out);
  }
  // Its presence says that a run is complete, so it goes first and comes back last.
  fs::remove(o.job.out + "/manifest.json", error);
}

void print(const ExplainSummary& s, const Context& context) {
  if (context.common.json) {
    nlohmann::ordered_json failures = nlohmann::ordered_json::array();
    for (const auto& [file, error] : s.failures) {
      failures.push_back({{"file", file}, {"error", error}});
    }
    const nlohmann::ordered_json result{
        {"images", s.images},           {"maps", s.maps},         {"layer", s.layer},
        {"layer_why", s.layer_why},     {"report", s.report},     {"manifest", s.manifest},
        {"forward_seconds", s.forward_seconds}, {"explain_seconds", s.explain_seconds},
        {"failures", failures}};
    using Json = nlohmann::ordered_json;
    std::printf("%s\n", result.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    return;
  }
  std::printf("%lld images, %lld maps (layer %s: %s)\n", static_cast<long long>(s.images),
              static_cast<long long>(s.maps), s.layer.c_str(), s.layer_why.c_str());
  std::printf("forward %.3f s, explanations %.3f s, pictures %.3f s\n", s.forward_seconds,
              s.explain_seconds, s.write_seconds);
  std::printf("%s\n", s.report.empty() ? s.manifest.c_str() : s.report.c_str());
}

int explain_images(Options& o, const Context& context) {
  for (const std::string& text : o.options) add_option(o.job, text);
  if (!o.unit.empty()) add_unit(o.job, o.unit);
  for (const auto& [method, values] : o.job.options) (void)explain::make_method(method, values);
  for (const std::string& method : o.job.methods) (void)explain::method_summary(method);
  o.job.paint.colormap = explain::parse_colormap(o.colormap);
  o.job.raw = !o.no_raw;
  o.job.pictures = !o.no_pictures;
  o.job.report = !o.no_report;
  o.job.images = collect_images(o.inputs, o.recursive);
  const weights::Package package = load_network(o.job.model_path);
  prepare_folder(o);
  const ExplainSummary summary = run_explain(o.job, package, context);
  print(summary, context);
  if (summary.images == 0) return kExitInput;
  return summary.failures.empty() ? kExitOk : kExitPartial;
}

std::string method_help() {
  std::string text = "methods:";
  for (const std::string& name : explain::method_names()) {
    text += "\n  " + name + ": " + explain::method_summary(name);
  }
  return text + "\nexample: cutaway explain googlenet.h5 photos/ --method gradcam,guided --out out";
}

}  // namespace

void add_explain(CLI::App& program, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = program.add_subcommand("explain", "Explain decisions: maps, pictures, a report");
  verb->footer(method_help());
  verb->add_option("model", o->job.model_path, "a Cutaway package")->required();
  verb->add_option("inputs", o->inputs, "pictures, folders, lists (.csv)")->required();
  verb->add_option("--method", o->job.methods, "one or more, separated by commas")
      ->delimiter(',')
      ->required();
  verb->add_option("--out", o->job.out, "folder for the results")->required();
  verb->add_option("--target", o->job.targets, "top1, top2, label, a class number or name; several with commas")
      ->delimiter(',');
  verb->add_option("--layer", o->job.layer, "layer of Grad-CAM and deconvnet (default: the last maps)");
  verb->add_option("--unit", o->unit, "deconvnet: CHANNEL or CHANNEL@ROW,COLUMN (default: the strongest)");
  verb->add_option("--option", o->options, "METHOD.NAME=VALUE");
  verb->add_option("--batch", o->job.batch, "pictures at a time")->check(CLI::Range(1, 1024));
  verb->add_option("--colormap", o->colormap, "turbo, jet, viridis, gray")->capture_default_str();
  verb->add_option("--heat", o->job.paint.heat_weight, "weight of the heat in overlays")
      ->check(CLI::Range(0.0, 1.0));
  verb->add_flag("--recursive", o->recursive, "look into sub-folders");
  verb->add_flag("--no-raw", o->no_raw, "do not write the raw maps");
  verb->add_flag("--no-pictures", o->no_pictures, "do not write pictures");
  verb->add_flag("--no-report", o->no_report, "do not write report.html");
  verb->add_flag("--overwrite", o->overwrite, "write into the folder of a finished run");
  verb->callback(
      [o, &context] { context.action = [o, &context] { return explain_images(*o, context); }; });
}

}  // namespace cutaway::tools
