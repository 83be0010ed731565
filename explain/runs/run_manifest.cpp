#include "explain/runs/run_manifest.h"

#include <filesystem>

#include "explain/report/named_values.h"
#include "runtime/config.h"

namespace cutaway::explain {

Manifest start_manifest(const std::string& model_path,
                        const std::string& weights_hash,
                        const weights::Package& package,
                        const RunContext& context) {
  Manifest m;
  m.tool_version = CUTAWAY_VERSION;
  m.argv = context.origin.argv;
  m.model = {model_path,
             std::filesystem::path(model_path).stem().string(),
             package.provenance.source_sha256,
             {{"weights_hash", weights_hash},
              {"parameters", package.model.graph.parameter_count()},
              {"source", package.provenance.source_file}}};
  m.preprocessing = fields_of(package.preprocess);
  m.seed = context.settings.seed;
  m.device = to_string(device_of(context.settings.stream()));
  m.precision = context.settings.precision;
  m.threads = CpuStream(context.settings.threads).threads();
  return m;
}

}  // namespace cutaway::explain
