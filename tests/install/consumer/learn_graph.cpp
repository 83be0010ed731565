// learn_graph MODEL.h5 FOLDER GRAPH.h5: an explanatory graph of a few pictures.
#include <cstdio>
#include <exception>

#include "explain/explain.h"

int main(int argc, char** argv) try {
  namespace explain = cutaway::explain;
  if (argc != 4) return 2;
  explain::GraphLearnJob job;
  job.model = argv[1];
  job.query.data = argv[2];
  job.query.min_area = 0;
  job.out = argv[3];
  job.nodes = {6, 4, 4};
  job.config.iterations = 2;
  const explain::GraphLearnSummary done = explain::learn_graph(job, explain::RunContext());
  std::printf("%zu layers from %lld pictures\n", done.package.graph.layers.size(),
              static_cast<long long>(done.images));
  return done.images > 0 ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
