#include "explain/runs/load_network.h"
#include "tools/program/command.h"
#include "tools/verbs/study/study.h"

namespace cutaway::tools {

using namespace explain;

void add_study_correspondence(Command& group, Context& context) {
  auto o = std::make_shared<CorrespondenceJob>();
  Command& verb = group.add_subcommand(
      "correspondence", "Whether a part means the same to a net in different objects");
  verb.footer(
      "Zeiler & Fergus 2013, table 1.\n"
      "example: cutaway study correspondence net.h5 animal_part --category dog --parts "
      "head,front_legs "
      "--out study");
  add_study_job(verb, *o, "a folder with parts.json or truth.json in it; or pictures, and --boxes");
  verb.add_option("--boxes", o->boxes,
                  "JSON: picture -> part -> [x1, y1, x2, y2], or a list as those");
  verb.add_option("--category", o->category, "only objects of this category");
  verb.add_option("--parts", o->parts,
                  "parts to hide, with commas (default: those that enough objects share)")
      .delimiter(',');
  verb.add_option("--count", o->count, "objects of a folder")
      .check(range(2, 1000))
      .capture_default_str();
  verb.add_option("--draws", o->draws, "random places an object")
      .check(range(0, 1000))
      .capture_default_str();
  verb.add_option("--layers", o->layers,
                  "layers, with commas (default: the last maps, and what the scores read)")
      .delimiter(',');
  verb.add_flag("--cut", o->cut, "cut the objects out of their pictures first");
  verb.callback([=, &context] {
    context.action = [=, &context] {
      return finish_study(run_correspondence_study(*o, load_network(o->model_path), context.run()),
                          context);
    };
  });
}

}  // namespace cutaway::tools
