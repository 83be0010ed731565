#include "explain/runs/load_network.h"
#include "explain/visualize/run/choose_settings.h"
#include "tools/printing/print.h"
#include "tools/program/command.h"
#include "tools/verbs/verbs.h"

namespace cutaway::tools {

using namespace explain;
namespace {

struct Options {
  VisualizeJob job;
  AscentChoice choice;
};

int visualize(Options& o, const Context& context) {
  choose_settings(o.choice, context.common.seed, o.job);
  const VisualizeSummary summary =
      run_visualize(o.job, load_network(o.job.model_path), context.run());
  print(summary, context);
  return summary.clean() ? kExitOk : kExitPartial;
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
  verb.add_option("--mode", o->choice.mode, "lucid, simonyan, yosinski, penalized, dream");
  verb.add_option("--steps", o->choice.steps, "steps of the ascent (default: the mode's)")
      .check(range(1, 1000000));
  verb.add_option("--size", o->job.size,
                  "side of the picture (default: the net's; lucid: 128 where the layers take it); "
                  "dreams: limit of the longer side")
      .check(range(8, 4096));
  verb.add_option("--option", o->choice.options, "NAME=VALUE of the mode");
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
