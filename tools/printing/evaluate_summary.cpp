#include <cstdio>
#include <nlohmann/json.hpp>

#include "explain/evaluate/run/evaluate_run.h"
#include "tools/printing/print.h"
#include "tools/program/output.h"

namespace cutaway::tools {

using namespace explain;

void print(const EvaluateSummary& s, const Context& context) {
  if (context.common.json) {
    Json rows = Json::array();
    for (std::size_t m = 0; m < s.methods.size(); ++m) {
      for (std::size_t k = 0; k < s.metrics.size(); ++k) {
        const Interval& i = s.intervals[m][k];
        rows.push_back({{"method", s.methods[m]},
                        {"metric", s.metrics[k]},
                        {"mean", i.value},
                        {"low", i.low},
                        {"high", i.high},
                        {"rank", s.ranks[k][m]}});
      }
    }
    print_json({{"images", s.images},
                {"failed", s.failed},
                {"results", rows},
                {"report", s.report},
                {"manifest", s.manifest}});
    return;
  }
  std::printf("%lld images\n", static_cast<long long>(s.images));
  print_failed(s.failed);
  for (std::size_t k = 0; k < s.metrics.size(); ++k) {
    std::printf("%s\n", s.metrics[k].c_str());
    for (std::size_t m = 0; m < s.methods.size(); ++m) {
      const Interval& i = s.intervals[m][k];
      std::printf("  %-24s %9.4f", s.methods[m].c_str(), i.value);
      if (i.known()) std::printf("  (%.4f to %.4f)", i.low, i.high);
      std::printf("  rank %g\n", s.ranks[k][m]);
    }
  }
  std::printf("%s\n", s.report.c_str());
}

}  // namespace cutaway::tools
