// explain_jpeg MODEL.h5 PICTURE OUT: `cutaway explain MODEL.h5 PICTURE --method gradcam --out OUT`
#include <cstdio>
#include <exception>

#include "explain/explain.h"

int main(int argc, char** argv) try {
  namespace explain = cutaway::explain;
  if (argc != 4) return 2;
  explain::ExplainJob job;
  job.model_path = argv[1];
  job.inputs = {argv[2]};
  job.methods = {{"gradcam", {}}};
  job.targets = {"top1"};
  job.out = argv[3];
  const auto net = explain::load_network(job.model_path);
  const explain::ExplainSummary done = explain::run_explain(job, net, explain::RunContext());
  std::printf("%s\n", done.report.c_str());
  return done.maps == 1 ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
