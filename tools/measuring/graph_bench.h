#pragma once

#include <cstdint>
#include <string>

#include "tools/program/context.h"

namespace cutaway::tools {

/// Seconds that learning a graph of VGG-16's size takes (conv4_2, conv4_3, conv5_2, conv5_3; 40,
/// 40, 20, 20 nodes a filter) on features made for the purpose, stored as halves.
struct GraphBenchOptions {
  std::int64_t filters{512}, images{100}, iterations{20};
  std::string preset{"default"};
};
struct GraphBenchResult {
  std::int64_t nodes{0};
  double feature_seconds{0};
  double learn_seconds{0};      ///< all layers, all passes, edges included
  double learn_cpu_seconds{0};  ///< the same, of all threads together
  double pass_seconds{0};       ///< one EM pass of the shallowest layer, without choosing edges
  double pass_cpu_seconds{0};
  double infer_ms{0};         ///< a picture, all layers
  double infer_single_ms{0};  ///< the same for one picture at a time
  double infer_single_cpu_ms{0};
  double peak_mib{0};  ///< memory of the process, features included
};
[[nodiscard]] GraphBenchResult bench_graph(const GraphBenchOptions& options,
                                           const Context& context);

}  // namespace cutaway::tools
