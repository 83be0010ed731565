#include <cstdio>

#include "explain/runs/describe_run.h"
#include "kernels/library.h"
#include "tools/printing/print.h"
#include "tools/program/command.h"
#include "tools/verbs/verbs.h"

namespace cutaway::tools {

using namespace explain;
namespace {

/// This build and its devices.
void print_build(const Context& context) {
  const CudaStatus cuda = cuda_status();
  std::printf("%s\nCPU threads: %d\nCPU kernels: %s\nCPU library: %s\nCUDA devices: %d%s%s\n",
              version_text().c_str(), CpuStream(context.common.threads).threads(),
              cpu_level_text().c_str(), kernels::cpu_library_text().c_str(), cuda.count,
              cuda.reason.empty() ? "" : ", ", cuda.reason.c_str());
}

int info(const DescribeJob& job, const Context& context) {
  if (job.model.empty()) {
    print_build(context);
  } else {
    print(run_describe(job, context.run()), context);
  }
  return kExitOk;
}

}  // namespace

void add_info(Command& program, Context& context) {
  auto job = std::make_shared<DescribeJob>();
  Command& verb =
      program.add_subcommand("info", "Layers, shapes, receptive fields, costs of a model");
  verb.footer(
      "example: cutaway info googlenet.h5 --svg googlenet.svg; without a model: this build and its "
      "devices");
  verb.add_option("model", job->model, "a Cutaway package");
  verb.add_option("--svg", job->svg, "draw the graph into this file").needs("model");
  verb.add_option("--dot", job->dot, "write the graph for Graphviz into this file").needs("model");
  verb.add_flag("--overwrite", job->overwrite, "replace existing drawings");
  verb.callback(
      [job, &context] { context.action = [job, &context] { return info(*job, context); }; });
}

}  // namespace cutaway::tools
