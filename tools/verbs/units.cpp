#include <charconv>

#include "explain/runs/load_network.h"
#include "explain/units/run/evolution.h"
#include "explain/units/run/units_run.h"
#include "runtime/error.h"
#include "tools/printing/print.h"
#include "tools/program/command.h"
#include "tools/verbs/verbs.h"

namespace cutaway::tools {

using namespace explain;
namespace {

struct Options {
  UnitsJob job;
  std::vector<std::string> maps, checkpoints;
};

/// "17" or "0-31".
void add_maps(const std::string& text, std::vector<std::int64_t>& maps) {
  const char* end = text.data() + text.size();
  std::int64_t first = -1;
  auto r = std::from_chars(text.data(), end, first);
  std::int64_t last = first;
  if (r.ec == std::errc{} && r.ptr != end && *r.ptr == '-')
    r = std::from_chars(r.ptr + 1, end, last);
  if (r.ec != std::errc{} || r.ptr != end || first < 0 || last < first || last > 1'000'000) {
    throw Error(ErrorKind::kUsage, "--maps").expected("numbers and ranges, 3,8-15").got(text);
  }
  for (std::int64_t map = first; map <= last; ++map) maps.push_back(map);
}

int show_evolution(const Options& o, const Context& context) {
  const EvolutionSummary summary = run_evolution(o.job, o.checkpoints, context.run());
  print(summary, context);
  return summary.failed == 0 ? kExitOk : kExitPartial;
}

int show_units(Options& o, const Context& context) {
  for (const std::string& text : o.maps) add_maps(text, o.job.maps);
  if (o.checkpoints.empty() == o.job.model_path.empty()) {
    throw Error(ErrorKind::kUsage, "units").expected("a model, or --checkpoints");
  }
  if (!o.checkpoints.empty()) return show_evolution(o, context);
  const weights::Package package = load_network(o.job.model_path);
  const UnitsSummary summary = run_units(o.job, package, context.run());
  print(summary, context);
  return summary.failed == 0 ? kExitOk : kExitPartial;
}

}  // namespace

void add_units(Command& program, Context& context) {
  auto o = std::make_shared<Options>();
  Command& verb = program.add_subcommand(
      "units", "What drives each feature map: strongest patches and projections");
  verb.footer(
      "Zeiler & Fergus 2013, figure 2. Two passes over the data, in a fixed amount of memory.\n"
      "example: cutaway units googlenet.h5 --data photos/ --layers conv2/3x3,inception_3a/output "
      "--out units");
  verb.add_option("model", o->job.model_path, "a Cutaway package");
  verb.add_option("--data", o->job.data,
                  "pictures, folders, lists (.csv, .txt), .tar, .tar.gz, HDF5")
      .required();
  verb.add_option("--layers", o->job.layers, "layers, separated by commas")
      .delimiter(',')
      .required();
  verb.add_option("--checkpoints", o->checkpoints,
                  "instead of a model: packages of one training, in order, with commas; shows how "
                  "maps evolve")
      .delimiter(',');
  verb.add_option("--out", o->job.out, "folder for the results").required();
  verb.add_option("--maps", o->maps, "feature maps, e.g. 3,8-15 (default: all)").delimiter(',');
  verb.add_option("--top", o->job.top, "units a map").check(range(1, 100)).capture_default_str();
  verb.add_option("--rules", o->job.rules, "deconvnet, deconvnet_lrn, gradient, guided")
      .capture_default_str();
  verb.add_option("--batch", o->job.batch, "pictures at a time")
      .check(range(1, 1024))
      .capture_default_str();
  verb.add_flag("--recursive", o->job.source.recursive, "look into sub-folders");
  verb.add_flag("--resume", o->job.resume, "go on where the same run was stopped");
  verb.add_flag("--overwrite", o->job.overwrite, "write into the folder of a finished run");
  verb.callback(
      [o, &context] { context.action = [o, &context] { return show_units(*o, context); }; });
}

}  // namespace cutaway::tools
