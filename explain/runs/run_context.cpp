#include "explain/runs/run_context.h"

#include <algorithm>

#include "runtime/machine_memory.h"

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

std::size_t RunSettings::share_of_memory() const {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 30U;
  const std::uint64_t machine = machine_memory();
  const std::uint64_t whole = memory > 0 ? memory : machine > 0 ? machine / 2 : 4 * kMost;
  return static_cast<std::size_t>(std::min(whole / 4, kMost));
}

int RunSettings::cpu_threads() const { return CpuStream(threads).threads(); }

}  // namespace cutaway::explain
