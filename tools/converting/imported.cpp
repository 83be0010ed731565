#include "tools/converting/imported.h"

#include <cstdio>
#include <nlohmann/json.hpp>

namespace cutaway::tools {

void print_imported(const std::string& target,
                    const weights::ImportedFiles& net,
                    const Context& context) {
  const std::int64_t parameters = net.header.model.graph.parameter_count();
  const std::string name = net.architecture.empty() ? "the file's own net" : net.architecture;
  if (!context.common.json) {
    if (context.common.quiet) return;
    std::fputs(weights::to_text(net.report).c_str(), stdout);
    std::printf("%s: %lld parameters of %s\n", target.c_str(), static_cast<long long>(parameters),
                name.c_str());
    return;
  }
  nlohmann::ordered_json result{{"model", target},
                                {"format", net.report.format},
                                {"architecture", net.architecture},
                                {"parameters", parameters},
                                {"imported", net.report.rows.size()},
                                {"missing", net.report.missing}};
  result["ignored"] = nlohmann::ordered_json::array();
  for (const weights::UnusedRow& row : net.report.unused) result["ignored"].push_back(row.source);
  result["report"] = nlohmann::ordered_json::parse(weights::to_json(net.report));
  std::printf("%s\n", result.dump(2).c_str());
}

}  // namespace cutaway::tools
