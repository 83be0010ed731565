#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "explain/runs/load_network.h"
#include "explain/runs/option_value.h"
#include "explain/visualize/run/visualize_run.h"
#include "runtime/error.h"
#include "tools/verbs/verbs.h"

namespace cutaway::tools {

using namespace explain;
namespace {

struct Options {
  VisualizeJob job;
  std::string mode;
  std::vector<std::string> options;
  std::int64_t steps{0};
};

void print(const VisualizeSummary& s, const Context& context) {
  if (!context.common.json) {
    for (const auto& p : s.pictures) {
      std::printf("%s: %.5g -> %.5g  %s\n", p.name.c_str(), p.first, p.last, p.file.c_str());
    }
    std::printf("%s\n", s.manifest.c_str());
    return;
  }
  using Json = nlohmann::ordered_json;
  Json pictures = Json::array();
  for (const auto& p : s.pictures) {
    pictures.push_back({{"name", p.name},
                        {"file", p.file},
                        {"first", p.first},
                        {"last", p.last},
                        {"notes", p.notes},
                        {"doubt", p.doubt}});
  }
  const Json result{
      {"pictures", pictures}, {"grid", s.grid}, {"manifest", s.manifest}, {"seconds", s.seconds}};
  std::printf("%s\n", result.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

int visualize(Options& o, const Context& context) {
  std::string mode = o.mode;
  if (mode.empty()) mode = o.job.dream ? "dream" : o.job.invert.empty() ? "lucid" : "penalized";
  const AscentMode how = parse_mode(mode);
  if ((how == AscentMode::kDream) != o.job.dream) {
    throw Error(ErrorKind::kUsage, "mode dream and --dream belong together");
  }
  Attributes options;
  if (how == AscentMode::kPenalized) {
    // Found with GoogLeNet: the loss of an inversion is at most 1, a class score some hundreds.
    options =
        o.job.invert.empty()
            ? Attributes{{"variation_weight", 30.0}, {"jitter", std::int64_t{8}}}
            : Attributes{{"objective_weight", 300.0}, {"rate", 12.0}, {"variation_weight", 30.0}};
  }
  for (const std::string& text : o.options) {
    auto [name, value] = parse_assignment(text, "--option");
    options.set(name, std::move(value));
  }
  o.job.settings = read_settings(how, o.steps, options);
  o.job.settings.set_seed(context.common.seed);
  if (o.job.gif && o.job.frame_every == 0 && o.job.zoom_frames == 0) {
    o.job.frame_every = std::max<std::int64_t>(1, o.job.settings.steps() / 50);
  }
  const weights::Package package = load_network(o.job.model_path);
  const VisualizeSummary summary = run_visualize(o.job, package, context.run());
  print(summary, context);
  const bool clean = std::all_of(summary.pictures.begin(), summary.pictures.end(),
                                 [](const auto& p) { return p.doubt.empty(); });
  return clean ? kExitOk : kExitPartial;
}

void add_subjects(Command& verb, VisualizeJob& job) {
  verb.add_option("--class", job.classes, "class numbers or names, separated by commas")
      .delimiter(',');
  verb.add_option("--layer", job.layer, "layer of --channel, --direction, --dream, --invert");
  verb.add_option("--channel", job.channels, "channels, separated by commas").delimiter(',');
  verb.add_flag("--neuron", job.neuron, "one unit of the channel, at the centre, not its mean");
  verb.add_option("--row", job.row, "of that unit");
  verb.add_option("--column", job.column, "of that unit");
  verb.add_option("--direction", job.direction, "text file: a number a channel of the layer");
  verb.add_option("--cosine", job.cosine_power, "direction: dot product times cosine to this power")
      .check(range(0.0, 16.0));
  verb.add_flag("--dream", job.dream, "DeepDream: the norm of the layer");
  verb.add_option("--picture", job.picture, "photograph to dream on (default: noise)");
  verb.add_option("--guide", job.guide, "photograph whose features guide the dream");
  verb.add_option("--zoom", job.zoom_frames, "dream: frames of an endless zoom")
      .check(range(0, 10000));
  verb.add_option("--zoom-share", job.zoom_share, "part of the picture a frame loses")
      .check(range(0.0, 0.9));
  verb.add_option("--invert", job.invert, "photograph to recover from the layer's features");
  verb.add_option("--variants", job.variants, "pictures a subject, made to differ")
      .check(range(1, 64));
  verb.add_option("--diversity", job.diversity, "weight of their difference").capture_default_str();
}

}  // namespace

void add_visualize(Command& program, Context& context) {
  auto o = std::make_shared<Options>();
  Command& verb =
      program.add_subcommand("visualize", "Pictures a class, channel or direction answers to most");
  verb.footer(
      "modes: lucid (default), simonyan, yosinski, penalized, dream; docs/visualize.md has their "
      "options\n"
      "example: cutaway visualize googlenet.h5 --layer inception_4a/output --channel 11,97 --gif "
      "--out out");
  verb.add_option("model", o->job.model_path, "a Cutaway package").required();
  add_subjects(verb, o->job);
  verb.add_option("--out", o->job.out, "folder for the results").required();
  verb.add_option("--mode", o->mode, "lucid, simonyan, yosinski, penalized, dream");
  verb.add_option("--steps", o->steps, "steps of the ascent (default: the mode's)")
      .check(range(1, 1000000));
  verb.add_option("--size", o->job.size,
                  "side of the picture (default: the net's; lucid: 128 where the layers take it); "
                  "dreams: limit of the longer side")
      .check(range(8, 4096));
  verb.add_option("--option", o->options, "NAME=VALUE of the mode");
  verb.add_option("--frames", o->job.frame_every, "keep every so many-th step as a picture")
      .check(range(1, 1000000));
  verb.add_flag("--gif", o->job.gif, "the ascent (or the zoom) as an animation");
  verb.add_flag("!--no-raw", o->job.raw, "do not write the raw pictures");
  verb.add_flag("--resume", o->job.resume, "go on where the same run was stopped");
  verb.add_flag("--overwrite", o->job.overwrite, "replace the run that the folder holds");
  verb.callback(
      [o, &context] { context.action = [o, &context] { return visualize(*o, context); }; });
}

}  // namespace cutaway::tools
