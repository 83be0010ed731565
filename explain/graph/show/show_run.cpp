#include "explain/graph/show/show_run.h"

#include "explain/graph/run/scene_folder.h"

namespace cutaway::explain {
namespace {

SceneQuery seeded(SceneQuery query, const RunContext& context) {
  query.objects.seed = context.settings.seed;
  return query;
}

}  // namespace

GraphInferSummary run_graph_infer(const GraphShowJob& job, const RunContext& context) {
  RunFolder folder(job.out);
  open_scene_folder(folder, job.scene, job.overwrite);
  const Scene scene = open_scene(seeded(job.scene, context), context);
  folder.begin();
  write_positions(scene, job.show, folder);
  finish_scene_folder(folder, job.scene, scene, "graph infer",
                      {{"top", job.show.nodes}, {"pictures", job.show.pictures}}, context);
  return {scene.images(),
          scene.features.complaints,
          scene.forward_seconds,
          1000 * scene.infer_seconds / static_cast<double>(scene.images()),
          folder.file("positions.json"),
          folder.file("positions.h5"),
          folder.last()};
}

GraphShowSummary run_graph_show(const GraphShowJob& job, const RunContext& context) {
  RunFolder folder(job.out);
  open_scene_folder(folder, job.scene, job.overwrite);
  const Scene scene = open_scene(seeded(job.scene, context), context);
  folder.begin();
  write_pictures(scene, job.show, folder, context);
  finish_scene_folder(folder, job.scene, scene, "graph show",
                      {{"top", job.show.nodes},
                       {"pictures", job.show.pictures},
                       {"patches", job.show.patches},
                       {"patch", job.show.patch},
                       {"page_nodes", job.show.page_nodes},
                       {"page_pictures", job.show.page_pictures}},
                      context);
  return {scene.images(), scene.features.complaints, folder.file("graph.html"),
          folder.file("graph.dot"), folder.last()};
}

}  // namespace cutaway::explain
