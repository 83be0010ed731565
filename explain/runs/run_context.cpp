#include "explain/runs/run_context.h"

namespace cutaway::explain {

Stream RunSettings::stream() const {
  return make_stream(parse_device(device), threads, engines().cpu_level());
}

kernels::EngineOptions RunSettings::engines() const {
  kernels::EngineOptions options;
  options.force = engine;
  options.validate();
  return options;
}

int RunSettings::cpu_threads() const { return CpuStream(threads).threads(); }

}  // namespace cutaway::explain
