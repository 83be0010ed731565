#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "explain/runs/load_network.h"
#include "explain/study/run/study.h"
#include "tools/program/output.h"
#include "tools/verbs/verbs.h"

namespace cutaway::tools {

using namespace explain;
namespace {

int finish(const StudySummary& s, const Context& context) {
  if (s.complete_before) {
    print_complete(s.report, s.manifest, context);
  } else if (context.common.json) {
    using Json = nlohmann::ordered_json;
    const Json result{
        {"images", s.images}, {"failed", s.failed}, {"report", s.report}, {"manifest", s.manifest}};
    std::printf("%s\n", result.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  } else {
    for (const std::string& line : s.lines) std::printf("%s\n", line.c_str());
    if (s.failed > 0) std::printf("%lld images failed\n", static_cast<long long>(s.failed));
    std::printf("%s\n", s.report.c_str());
  }
  return s.failed == 0 ? kExitOk : kExitPartial;
}

/// What all of them take.
void add_job(CLI::App* verb, StudyJob& job, const char* inputs) {
  verb->add_option("model", job.model_path, "a Cutaway package")->required();
  verb->add_option("inputs", job.inputs, inputs)->required();
  verb->add_option("--out", job.out, "folder for the results")->required();
  verb->add_option("--fill", job.fill, "mean (the net's mean colour), grey (127.5 of 255)")
      ->check(CLI::IsMember({"mean", "grey"}))
      ->capture_default_str();
  verb->add_flag("--resume", job.resume, "go on where the same run was stopped");
  verb->add_flag("--overwrite", job.overwrite, "write into the folder of a finished run");
}

void add_pictures(CLI::App* verb, StudyJob& job) {
  add_job(verb, job, "pictures, folders, lists (.csv, .txt), .tar, .tar.gz, HDF5");
  verb->add_option("--target", job.target,
                   "class that is watched: label, top1, a number or name (default: label where "
                   "known, else top1)");
  verb->add_flag("--recursive", job.source.recursive, "look into sub-folders");
}

void add_occlusion(CLI::App& group, Context& context) {
  auto o = std::make_shared<OcclusionJob>();
  auto by = std::make_shared<std::string>("max"), anchor = std::make_shared<std::string>("relu"),
       display = std::make_shared<std::string>("grid"),
       colormap = std::make_shared<std::string>("turbo");
  CLI::App* verb =
      group.add_subcommand("occlusion", "What a net answers while a square moves over an image");
  verb->footer(
      "Zeiler & Fergus 2013, figure 7, panels (a) to (e).\n"
      "example: cutaway study occlusion googlenet.h5 dogs/ --data photos/ --out study");
  add_pictures(verb, *o);
  verb->add_option("--size", o->size,
                   "side of the square, pixels of the net's input (default: 50 of 224)")
      ->check(CLI::PositiveNumber);
  verb->add_option("--stride", o->stride, "pixels it moves by (default: 6 of 224)")
      ->check(CLI::PositiveNumber);
  verb->add_flag("--centered", o->centered,
                 "centres on a grid over all of the image; squares clipped at its border");
  verb->add_option("--layer", o->layer, "layer of panels (b) and (c) (default: the last maps)");
  verb->add_option("--anchor", *anchor, "relu: the layer's maps; pooled: after its max pooling")
      ->check(CLI::IsMember({"relu", "pooled"}))
      ->capture_default_str();
  verb->add_option("--strongest", *by, "the map is chosen by its greatest value (max) or its sum")
      ->check(CLI::IsMember({"max", "sum"}))
      ->capture_default_str();
  verb->add_option("--data", o->data,
                   "pictures to look for the map's top images in: (c) elsewhere");
  verb->add_option("--elsewhere", o->elsewhere, "how many of them are shown")
      ->check(CLI::Range(1, 20))
      ->capture_default_str();
  verb->add_option("--display", *display, "grid: a cell a position; bilinear")
      ->check(CLI::IsMember({"grid", "bilinear"}))
      ->capture_default_str();
  verb->add_option("--colormap", *colormap, "turbo, jet, viridis, gray")->capture_default_str();
  verb->callback([=, &context] {
    context.action = [=, &context] {
      o->pooled = *anchor == "pooled";
      o->bilinear = *display == "bilinear";
      o->strongest = *by == "sum" ? StrongestBy::kSum : StrongestBy::kMaximum;
      o->colormap = parse_colormap(*colormap);
      return finish(run_occlusion_study(*o, load_network(o->model_path), context.run()), context);
    };
  });
}

void add_correspondence(CLI::App& group, Context& context) {
  auto o = std::make_shared<CorrespondenceJob>();
  CLI::App* verb = group.add_subcommand(
      "correspondence", "Whether a part means the same to a net in different objects");
  verb->footer(
      "Zeiler & Fergus 2013, table 1.\n"
      "example: cutaway study correspondence net.h5 animal_part --category dog --parts "
      "head,front_legs "
      "--out study");
  add_job(verb, *o, "a folder with parts.json or truth.json in it; or pictures, and --boxes");
  verb->add_option("--boxes", o->boxes,
                   "JSON: picture -> part -> [x1, y1, x2, y2], or a list as those");
  verb->add_option("--category", o->category, "only objects of this category");
  verb->add_option("--parts", o->parts,
                   "parts to hide, with commas (default: those that enough objects share)")
      ->delimiter(',');
  verb->add_option("--count", o->count, "objects of a folder")
      ->check(CLI::Range(2, 1000))
      ->capture_default_str();
  verb->add_option("--draws", o->draws, "random places an object")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  verb->add_option("--layers", o->layers,
                   "layers, with commas (default: the last maps, and what the scores read)")
      ->delimiter(',');
  verb->add_flag("--cut", o->cut, "cut the objects out of their pictures first");
  verb->callback([=, &context] {
    context.action = [=, &context] {
      return finish(run_correspondence_study(*o, load_network(o->model_path), context.run()),
                    context);
    };
  });
}

void add_invariance(CLI::App& group, Context& context) {
  auto o = std::make_shared<InvarianceJob>();
  CLI::App* verb = group.add_subcommand(
      "invariance", "What shifts, scales and rotations do to features and class");
  verb->footer(
      "Zeiler & Fergus 2013, figure 5.\n"
      "example: cutaway study invariance googlenet.h5 five/ --out study");
  add_pictures(verb, *o);
  verb->add_option(
          "--layers", o->layers,
          "layers, with commas (default: the first convolution's, and what the scores read)")
      ->delimiter(',');
  verb->add_option("--shift", o->shift,
                   "greatest vertical shift, pixels of the net's input (default: 60 of 224)")
      ->check(CLI::PositiveNumber);
  verb->add_option("--scale", o->scale, "greatest magnification")
      ->check(CLI::Range(1.01, 16.0))
      ->capture_default_str();
  verb->add_option("--shift-steps", o->shift_steps)
      ->check(CLI::Range(2, 1000))
      ->capture_default_str();
  verb->add_option("--scale-steps", o->scale_steps)
      ->check(CLI::Range(2, 1000))
      ->capture_default_str();
  verb->add_option("--rotation-steps", o->rotation_steps, "of 360 degrees")
      ->check(CLI::Range(2, 1000))
      ->capture_default_str();
  verb->callback([=, &context] {
    context.action = [=, &context] {
      return finish(run_invariance_study(*o, load_network(o->model_path), context.run()), context);
    };
  });
}

}  // namespace

void add_study(CLI::App& program, Context& context) {
  CLI::App* verb = program.add_subcommand(
      "study", "Zeiler & Fergus' experiments: occlusion, correspondence, invariance");
  verb->require_subcommand(1);
  add_occlusion(*verb, context);
  add_correspondence(*verb, context);
  add_invariance(*verb, context);
}

}  // namespace cutaway::tools
