#include "explain/graph/run/complaints_json.h"

namespace cutaway::explain {

nlohmann::ordered_json complaints_json(const GraphComplaints& complaints) {
  using Json = nlohmann::ordered_json;
  Json failed = Json::array(), mended = Json::array();
  for (const auto& [name, why] : complaints.failures)
    failed.push_back({{"file", name}, {"error", why}});
  for (const auto& [name, what] : complaints.mended)
    mended.push_back({{"file", name}, {"box", what}});
  return {{"failed", failed}, {"mended", mended}};
}

}  // namespace cutaway::explain
