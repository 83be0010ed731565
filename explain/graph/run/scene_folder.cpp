#include "explain/graph/run/scene_folder.h"

#include "explain/report/manifest.h"
#include "explain/runs/run_manifest.h"

namespace cutaway::explain {

void open_scene_folder(RunFolder& folder, const SceneQuery& query, bool overwrite) {
  folder.open(existing(false, overwrite),
              {query.graph, query.model, query.objects.data, query.objects.boxes});
}

void finish_scene_folder(RunFolder& folder,
                         const SceneQuery& query,
                         const Scene& scene,
                         const std::string& what,
                         const NamedValues& options,
                         const RunContext& context) {
  Manifest m = start_manifest(query.model, scene.package.origin.model_hash, scene.model, context);
  for (const graph::Layer& layer : scene.graph().layers) {
    NamedValues parameters{{"nodes", layer.count()}, {"filters", layer.spec.filters}};
    parameters.insert(parameters.end(), options.begin(), options.end());
    m.methods.push_back({what, layer.spec.name, "of the graph", scene.package.origin.category,
                         std::move(parameters)});
  }
  const GraphComplaints& complaints = scene.features.complaints;
  const auto failed = static_cast<std::int64_t>(complaints.failures.size());
  NamedValue files = folder.files();
  m.counts = {scene.images() + failed, scene.images(), failed,
              static_cast<std::int64_t>(std::get<std::vector<std::string>>(files.value).size())};
  m.timings = {{"features", scene.forward_seconds, scene.images()},
               {"inference", scene.infer_seconds, scene.images()}};
  for (const auto& [file, error] : complaints.failures) m.failures.push_back({file, error});
  std::vector<std::string> mended;
  for (const auto& [file, box] : complaints.mended) mended.push_back(file + ": " + box);
  m.extra = {{"graph", query.graph},
             {"data", query.objects.data},
             {"boxes", query.objects.boxes},
             {"category", query.objects.category},
             {"most", query.objects.most},
             {"min_area", query.objects.min_area},
             {"jitter", query.objects.jitter},
             {"mended", std::move(mended)},
             std::move(files)};
  write_manifest(folder.last(), m);
  folder.end();
}

}  // namespace cutaway::explain
