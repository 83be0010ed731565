#include "explain/compare/run/plan.h"

#include <algorithm>

#include "explain/runs/run_resume.h"
#include "weights/sha256.h"

namespace cutaway::explain {

std::vector<FeatureRequest> compare_requests(const CompareJob& job, const Graph& graph) {
  std::vector<FeatureRequest> requests;
  std::vector<NodeId> layers;
  for (const std::string& name : job.layers) layers.push_back(graph.find(name));
  if (layers.empty()) layers = compared_layers(graph);
  const bool of_maps = std::ranges::any_of(job.distances, compares_maps);
  const bool aligned =
      std::ranges::find(job.distances, DistanceKind::kAligned) != job.distances.end();
  requests.push_back({0, Representation::kFlat, false});
  for (const NodeId layer : layers) {
    const bool plane = graph.node(layer).shape.plane() > 1;
    for (const Representation r : job.representations) {
      // Without a plane there is one vector and no mask.
      if (!plane && r != job.representations.front()) continue;
      // Distances of maps need flat ones, with masks where these are aligned.
      requests.push_back({layer, plane ? r : Representation::kGap,
                          plane && aligned && r == Representation::kFlat});
    }
    const bool flat =
        std::ranges::find(job.representations, Representation::kFlat) != job.representations.end();
    if (of_maps && plane && !flat) requests.push_back({layer, Representation::kFlat, aligned});
  }
  return requests;
}

Record compare_identity(const CompareJob& job,
                        const weights::Package& package,
                        const RunContext& context) {
  const std::vector<MethodChoice> methods;
  Record identity = run_identity(
      {.inputs = job.inputs, .source = job.source, .methods = methods, .layers = job.layers},
      package, context);
  identity["verb"] = "compare";
  identity["representations"] = Record::array();
  for (const Representation r : job.representations)
    identity["representations"].push_back(to_string(r));
  identity["distances"] = Record::array();
  for (const DistanceKind d : job.distances) identity["distances"].push_back(to_string(d));
  identity["numbers"] = {job.most, job.batch, job.queries, job.neighbors, job.pairs};
  identity["tsne"] = job.tsne;
  identity["other"] = job.other.empty() ? "" : weights::sha256_of_file(job.other);
  identity["dump"] = job.dump;
  return as_read_back(identity);
}

}  // namespace cutaway::explain
