#include "tools/verbs/graph/options.h"
#include "tools/program/command.h"

namespace cutaway::tools {

void add_object_options(Command& verb, explain::ObjectQuery& q) {
  verb.add_option("--data", q.data,
                  "folder of pictures, with parts.json or truth.json if there are boxes")
      .required();
  verb.add_option("--boxes", q.boxes, "the list of boxes, where it is not in the folder");
  verb.add_option("--category", q.category, "only objects of this category");
  verb.add_option("--most", q.most, "at most so many objects").check(non_negative());
  verb.add_option("--min-area", q.min_area, "leave out smaller boxes, square pixels")
      .capture_default_str();
  verb.add_option("--jitter", q.jitter,
                  "cut out a window of 1 - this of each box, at a random place in it")
      .check(range(0.0, 0.9));
}

void add_feature_options(Command& verb, explain::FeatureOptions& f, std::int64_t& batch) {
  verb.add_option("--batch", batch, "pictures at a time").check(range(1, 1024));
  verb.add_option("--memory", f.memory_gib,
                  "GiB for features; what is more goes to a file as float16")
      .check(range(0.0, 1e6))
      .capture_default_str();
  verb.add_option("--scratch", f.scratch, "folder of that file");
}

void add_scene_options(Command& verb, explain::SceneQuery& q) {
  verb.add_option("graph", q.graph, "a graph made by graph learn").required();
  verb.add_option("model", q.model, "the net it explains").required();
  add_object_options(verb, q.objects);
  add_feature_options(verb, q.features, q.batch);
}

void add_show_options(Command& verb, explain::ShowOptions& o) {
  verb.add_option("--top", o.nodes, "best nodes a layer that are shown")
      .check(range(1, 1000))
      .capture_default_str();
  verb.add_option("--pictures", o.pictures, "pictures that are drawn")
      .check(range(1, 1000))
      .capture_default_str();
}

}  // namespace cutaway::tools
