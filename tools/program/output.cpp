#include "tools/program/output.h"

#include <cstdio>
#include <nlohmann/json.hpp>

namespace cutaway::tools {

void print_json(const Json& result) {
  std::printf("%s\n", result.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

Json failures_json(const std::vector<std::pair<std::string, std::string>>& failures) {
  Json all = Json::array();
  for (const auto& [file, error] : failures) all.push_back({{"file", file}, {"error", error}});
  return all;
}

void print_failed(std::int64_t failed) {
  if (failed > 0) std::printf("%lld images failed\n", static_cast<long long>(failed));
}

void print_complete(const std::string& page, const std::string& manifest, const Context& context) {
  if (context.common.json) {
    print_json({{"complete_before", true}, {"report", page}, {"manifest", manifest}});
  } else {
    std::printf("%s\n", page.c_str());
  }
}

int exit_code_of(std::int64_t done, bool complete) {
  if (done == 0) return kExitInput;
  return complete ? kExitOk : kExitPartial;
}

}  // namespace cutaway::tools
