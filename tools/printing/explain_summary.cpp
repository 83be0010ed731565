#include <cstdio>
#include <nlohmann/json.hpp>

#include "explain/runs/explain_run.h"
#include "tools/printing/print.h"
#include "tools/program/output.h"

namespace cutaway::tools {

using namespace explain;

void print(const ExplainSummary& s, const Context& context) {
  Json layers = Json::array();
  std::string text;
  for (const auto& [name, why] : s.layers) {
    layers.push_back({{"layer", name}, {"why", why}});
    text += (text.empty() ? "" : "; ") + name + ": " + why;
  }
  if (context.common.json) {
    print_json({{"images", s.images},
                {"maps", s.maps},
                {"failed", s.failed},
                {"refused", s.refused},
                {"resumed", s.resumed},
                {"layer", s.layers.empty() ? "" : s.layers.front().name},
                {"layer_why", s.layers.empty() ? "" : s.layers.front().why},
                {"layers", layers},
                {"report", s.report},
                {"manifest", s.manifest},
                {"forward_seconds", s.forward_seconds},
                {"explain_seconds", s.explain_seconds},
                {"write_seconds", s.write_seconds},
                {"failures", failures_json(s.failures)},
                {"refusals", s.refusals}});
    return;
  }
  std::printf("%lld images, %lld maps (layer %s)\n", static_cast<long long>(s.images),
              static_cast<long long>(s.maps), text.c_str());
  print_failed(s.failed);
  if (s.refused > 0) {
    std::printf("%lld maps could not be made or mean nothing; index.jsonl names them\n",
                static_cast<long long>(s.refused));
  }
  std::printf("forward %.3f s, explanations %.3f s, pictures %.3f s\n%s\n", s.forward_seconds,
              s.explain_seconds, s.write_seconds,
              s.report.empty() ? s.manifest.c_str() : s.report.c_str());
}

}  // namespace cutaway::tools
