#include <cstdio>
#include <nlohmann/json.hpp>

#include "explain/visualize/run/filters_run.h"
#include "tools/printing/print.h"
#include "tools/program/output.h"

namespace cutaway::tools {

using namespace explain;

void print(const FiltersSummary& s, const Context& context) {
  if (context.common.json) {
    Json rows = Json::array();
    for (std::size_t i = 0; i < s.filters.size(); ++i) {
      const FilterReport& r = s.filters[i];
      rows.push_back({{"rms", r.rms}, {"dead", r.dead}, {"spectrum", r.spectrum}});
      if (!s.silent.empty()) rows.back()["silent"] = static_cast<bool>(s.silent[i]);
    }
    print_json({{"layer", s.layer}, {"dead", s.dead}, {"spectrum", s.spectrum}, {"filters", rows}});
    return;
  }
  std::printf(
      "%s: %zu filters, %lld dead; energy below 1/8, to 1/4, above (cycles a pixel): %.1f, %.1f, "
      "%.1f %%\n",
      s.layer.c_str(), s.filters.size(), static_cast<long long>(s.dead), 100.0 * s.spectrum[0],
      100.0 * s.spectrum[1], 100.0 * s.spectrum[2]);
  for (std::size_t i = 0; i < s.filters.size(); ++i) {
    const FilterReport& r = s.filters[i];
    std::printf("%4zu  rms %.5f  %5.1f %5.1f %5.1f %%%s\n", i, r.rms, 100.0 * r.spectrum[0],
                100.0 * r.spectrum[1], 100.0 * r.spectrum[2], r.dead ? "  dead" : "");
  }
}

}  // namespace cutaway::tools
