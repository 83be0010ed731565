#include "tools/program/run_manifest.h"

#include <filesystem>

#include "runtime/config.h"
#include "tools/report/fields.h"

namespace cutaway::tools {

Manifest start_manifest(const std::string& model_path,
                        const std::string& weights_hash,
                        const weights::Package& package,
                        const Context& context) {
  Manifest m;
  m.tool_version = CUTAWAY_VERSION;
  m.argv = {"cutaway"};
  m.argv.insert(m.argv.end(), context.argv.begin(), context.argv.end());
  m.model = {model_path,
             std::filesystem::path(model_path).stem().string(),
             package.provenance.source_sha256,
             {{"weights_hash", weights_hash},
              {"parameters", package.model.graph.parameter_count()},
              {"source", package.provenance.source_file}}};
  m.preprocessing = fields_of(package.preprocess);
  m.seed = context.common.seed;
  m.device = to_string(device_of(context.stream()));
  m.precision = context.common.precision;
  m.threads = CpuStream(context.common.threads).threads();
  return m;
}

}  // namespace cutaway::tools
