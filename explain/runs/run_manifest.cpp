#include "explain/runs/run_manifest.h"

#include <ctime>
#include <filesystem>

#include "explain/report/named_values.h"
#include "runtime/config.h"

namespace cutaway::explain {

namespace {

/// "2026-12-01T09:30:00Z".
std::string utc_text(std::chrono::system_clock::time_point when) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(when);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  const std::size_t n = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text, n};
}

}  // namespace

Manifest start_manifest(const RunContext& context) {
  Manifest m;
  m.tool_version = CUTAWAY_VERSION;
  m.started_at = utc_text(context.started);
  m.argv = context.origin.argv;
  m.seed = context.settings.seed;
  m.device = to_string(device_of(context.settings.stream()));
  m.precision = context.settings.precision;
  m.threads = CpuStream(context.settings.threads).threads();
  return m;
}

Manifest start_manifest(const std::string& model_path,
                        const std::string& weights_hash,
                        const weights::Package& package,
                        const RunContext& context) {
  Manifest m = start_manifest(context);
  m.model = {model_path,
             std::filesystem::path(model_path).stem().string(),
             package.provenance.source_sha256,
             {{"weights_hash", weights_hash},
              {"parameters", package.model.graph.parameter_count()},
              {"source", package.provenance.source_file}}};
  m.preprocessing = fields_of(package.preprocess);
  return m;
}

}  // namespace cutaway::explain
