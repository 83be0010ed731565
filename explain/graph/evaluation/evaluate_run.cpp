#include "explain/graph/evaluation/evaluate_run.h"

#include "explain/graph/evaluation/judging_sheets.h"
#include "explain/graph/run/scene_folder.h"

namespace cutaway::explain {

GraphEvaluateSummary run_graph_evaluate(const GraphEvaluateJob& job, const RunContext& context) {
  SceneQuery query = job.scene;
  GraphEvaluationOptions options = job.options;
  query.objects.seed = options.seed = context.settings.seed;
  RunFolder folder(job.sheets);
  if (!job.sheets.empty()) open_scene_folder(folder, query, job.overwrite);
  const Scene scene = open_scene(query, context);
  if (!job.sheets.empty()) {
    SheetOptions judged;
    judged.best = options.best;
    judged.seed = options.seed;
    folder.begin();
    write_sheets(scene, judged, folder);
    finish_scene_folder(folder, query, scene, "graph evaluate",
                        {{"rows", judged.rows},
                         {"patches", judged.patches},
                         {"best_images", judged.best},
                         {"patch", judged.patch}},
                        context);
  }
  return {evaluate_graph(scene, options),
          scene.package.origin.category,
          scene.images(),
          scene.features.complaints,
          scene.forward_seconds,
          1000 * scene.infer_seconds / static_cast<double>(scene.images())};
}

}  // namespace cutaway::explain
