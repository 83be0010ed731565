#include <cstdio>
#include <nlohmann/json.hpp>

#include "explain/units/run/evolution.h"
#include "explain/units/run/units_run.h"
#include "tools/printing/print.h"
#include "tools/program/output.h"

namespace cutaway::tools {

using namespace explain;

void print(const UnitsSummary& s, const Context& context) {
  if (s.complete_before) return print_complete(s.index, s.manifest, context);
  std::size_t maps = 0;
  for (const UnitsLayer& layer : s.layers) maps += layer.maps.size();
  if (context.common.json) {
    print_json({{"images", s.images},
                {"failed", s.failed},
                {"layers", s.layers.size()},
                {"maps", maps},
                {"projections", s.projections},
                {"search_seconds", s.search_seconds},
                {"project_seconds", s.project_seconds},
                {"index", s.index},
                {"manifest", s.manifest}});
    return;
  }
  std::printf("%lld images, %zu maps of %zu layers, %lld projections\n",
              static_cast<long long>(s.images), maps, s.layers.size(),
              static_cast<long long>(s.projections));
  print_failed(s.failed);
  std::printf("search %.3f s, projections %.3f s\n%s\n", s.search_seconds, s.project_seconds,
              s.index.c_str());
}

void print(const EvolutionSummary& s, const Context& context) {
  if (s.complete_before) return print_complete(s.index, s.manifest, context);
  if (context.common.json) {
    print_json({{"images", s.images},
                {"failed", s.failed},
                {"checkpoints", s.checkpoints},
                {"layers", s.layers.size()},
                {"index", s.index},
                {"manifest", s.manifest}});
  } else {
    std::printf("%lld images, %zu layers at %zu checkpoints\n%s\n",
                static_cast<long long>(s.images), s.layers.size(), s.checkpoints.size(),
                s.index.c_str());
  }
}

}  // namespace cutaway::tools
