#include "explain/runs/load_network.h"
#include "tools/program/command.h"
#include "tools/verbs/study/study.h"

namespace cutaway::tools {

using namespace explain;

void add_study_occlusion(Command& group, Context& context) {
  auto o = std::make_shared<OcclusionJob>();
  auto by = std::make_shared<std::string>("max"), anchor = std::make_shared<std::string>("relu"),
       display = std::make_shared<std::string>("grid"),
       colormap = std::make_shared<std::string>("turbo");
  Command& verb =
      group.add_subcommand("occlusion", "What a net answers while a square moves over an image");
  verb.footer(
      "Zeiler & Fergus 2013, figure 7, panels (a) to (e).\n"
      "example: cutaway study occlusion googlenet.h5 dogs/ --data photos/ --out study");
  add_study_pictures(verb, *o);
  verb.add_option("--size", o->size,
                  "side of the square, pixels of the net's input (default: 50 of 224)")
      .check(positive());
  verb.add_option("--stride", o->stride, "pixels it moves by (default: 6 of 224)")
      .check(positive());
  verb.add_flag("--centered", o->centered,
                "centres on a grid over all of the image; squares clipped at its border");
  verb.add_option("--layer", o->layer, "layer of panels (b) and (c) (default: the last maps)");
  verb.add_option("--anchor", *anchor, "relu: the layer's maps; pooled: after its max pooling")
      .check(one_of({"relu", "pooled"}))
      .capture_default_str();
  verb.add_option("--strongest", *by, "the map is chosen by its greatest value (max) or its sum")
      .check(one_of({"max", "sum"}))
      .capture_default_str();
  verb.add_option("--data", o->data, "pictures to look for the map's top images in: (c) elsewhere");
  verb.add_option("--elsewhere", o->elsewhere, "how many of them are shown")
      .check(range(1, 20))
      .capture_default_str();
  verb.add_option("--display", *display, "grid: a cell a position; bilinear")
      .check(one_of({"grid", "bilinear"}))
      .capture_default_str();
  verb.add_option("--colormap", *colormap, "turbo, jet, viridis, gray").capture_default_str();
  verb.callback([=, &context] {
    context.action = [=, &context] {
      o->pooled = *anchor == "pooled";
      o->bilinear = *display == "bilinear";
      o->strongest = *by == "sum" ? StrongestBy::kSum : StrongestBy::kMaximum;
      o->colormap = parse_colormap(*colormap);
      return finish_study(run_occlusion_study(*o, load_network(o->model_path), context.run()),
                          context);
    };
  });
}

}  // namespace cutaway::tools
