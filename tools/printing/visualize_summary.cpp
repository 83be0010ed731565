#include <cstdio>
#include <nlohmann/json.hpp>

#include "explain/visualize/run/visualize_run.h"
#include "tools/printing/print.h"
#include "tools/program/output.h"

namespace cutaway::tools {

using namespace explain;

void print(const VisualizeSummary& s, const Context& context) {
  if (!context.common.json) {
    for (const auto& p : s.pictures) {
      std::printf("%s: %.5g -> %.5g  %s\n", p.name.c_str(), p.first, p.last, p.file.c_str());
    }
    std::printf("%s\n", s.manifest.c_str());
    return;
  }
  Json pictures = Json::array();
  for (const auto& p : s.pictures) {
    pictures.push_back({{"name", p.name},
                        {"file", p.file},
                        {"first", p.first},
                        {"last", p.last},
                        {"notes", p.notes},
                        {"doubt", p.doubt}});
  }
  print_json(
      {{"pictures", pictures}, {"grid", s.grid}, {"manifest", s.manifest}, {"seconds", s.seconds}});
}

}  // namespace cutaway::tools
