#include <algorithm>
#include <cstdio>

#include "explain/report/named_values.h"
#include "explain/runs/describe_run.h"
#include "tools/printing/print.h"

namespace cutaway::tools {

using namespace explain;
namespace {

/// "321 MiB  gradcam, layercam", a line a number.
void print_methods(const std::vector<MemoryPromise>& promises) {
  std::vector<std::pair<std::string, std::string>> groups;
  for (const MemoryPromise& p : promises) {
    const std::string bytes = short_bytes(static_cast<std::int64_t>(p.total()));
    const auto known =
        std::ranges::find_if(groups, [&](const auto& group) { return group.first == bytes; });
    if (known == groups.end()) {
      groups.emplace_back(bytes, p.method);
    } else {
      known->second += ", " + p.method;
    }
  }
  if (!groups.empty()) std::printf("memory that a process takes to explain one image:\n");
  for (const auto& [bytes, methods] : groups)
    std::printf("  %10s  %s\n", bytes.c_str(), methods.c_str());
}

}  // namespace

void print(const NetDescription& net, const Context& context) {
  if (context.common.json) {
    std::printf("%s\n", description_json(net).c_str());
    return;
  }
  std::printf("%-28s %-20s %-14s %12s %12s %9s %6s\n", "layer", "type", "output", "parameters",
              "MACs", "field", "jump");
  for (const LayerRow& r : net.layers) {
    std::printf("%-28s %-20s %-14s %12lld %12lld %9.0f %6.0f\n", r.name.c_str(), r.type.c_str(),
                r.output.c_str(), static_cast<long long>(r.parameters),
                static_cast<long long>(r.macs), r.field.size, r.field.jump);
  }
  const Graph& graph = net.package.model.graph;
  std::printf("\n%lld parameters, %.3f GMAC an image, weights %s\n",
              static_cast<long long>(graph.parameter_count()),
              static_cast<double>(graph.macs()) * 1e-9,
              weights::weights_hash(net.package.model).c_str());
  std::printf("memory for one image: %s parameters, %s to run, %s with the gradient\n",
              short_bytes(net.memory.parameters).c_str(), short_bytes(net.memory.forward).c_str(),
              short_bytes(net.memory.gradient).c_str());
  print_methods(net.promises);
  for (const NamedValue& field : fields_of(net.package.preprocess)) {
    std::printf("preprocess %s: %s\n", field.name.c_str(), to_text(field.value).c_str());
  }
  std::printf("labels: %zu\nsource: %s %s\nmade by: %s\n", net.package.labels.size(),
              net.package.provenance.source_format.c_str(),
              net.package.provenance.source_file.c_str(), net.package.provenance.command.c_str());
}

}  // namespace cutaway::tools
