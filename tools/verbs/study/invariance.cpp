#include "explain/runs/load_network.h"
#include "tools/program/command.h"
#include "tools/verbs/study/study.h"

namespace cutaway::tools {

using namespace explain;

void add_study_invariance(Command& group, Context& context) {
  auto o = std::make_shared<InvarianceJob>();
  Command& verb = group.add_subcommand(
      "invariance", "What shifts, scales and rotations do to features and class");
  verb.footer(
      "Zeiler & Fergus 2013, figure 5.\n"
      "example: cutaway study invariance googlenet.h5 five/ --out study");
  add_study_pictures(verb, *o);
  verb.add_option(
          "--layers", o->layers,
          "layers, with commas (default: the first convolution's, and what the scores read)")
      .delimiter(',');
  verb.add_option("--shift", o->shift,
                  "greatest vertical shift, pixels of the net's input (default: 60 of 224)")
      .check(positive());
  verb.add_option("--scale", o->scale, "greatest magnification")
      .check(range(1.01, 16.0))
      .capture_default_str();
  verb.add_option("--shift-steps", o->shift_steps).check(range(2, 1000)).capture_default_str();
  verb.add_option("--scale-steps", o->scale_steps).check(range(2, 1000)).capture_default_str();
  verb.add_option("--rotation-steps", o->rotation_steps, "of 360 degrees")
      .check(range(2, 1000))
      .capture_default_str();
  verb.callback([=, &context] {
    context.action = [=, &context] {
      return finish_study(run_invariance_study(*o, load_network(o->model_path), context.run()),
                          context);
    };
  });
}

}  // namespace cutaway::tools
