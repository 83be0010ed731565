#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "layers/executor.h"
#include "weights/hdf5_file.h"
#include "weights/import/importer.h"

namespace cutaway::weights::testing {

/// The largest difference of the last node's values from what another framework computed, over the
/// largest of those. `input` and `output`: datasets of `file`.
inline double difference(const Imported& imported,
                         const Hdf5File& file,
                         const std::string& input,
                         const std::string& output) {
  const Graph& graph = imported.model.graph;
  const auto e = file.describe(input).dims;
  PlanRequest request;
  request.input = {e[0], e[1], e[2], e[3]};
  request.taps = {graph.last()};
  Executor executor(imported.model, request, CpuStream(1));
  executor.set_input(tensor_of(request.input, file.read_f32(input, 1 << 20)));
  executor.forward();
  const Tensor got = executor.read(executor.value(graph.last()));
  const std::vector<float> want = file.read_f32(output, 1 << 20);
  REQUIRE(got.f32().size() == want.size());
  double most = 0, worst = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    most = std::max(most, std::abs(double{want[i]}));
    const double d = std::abs(double{want[i]} - double{got.f32()[i]});
    if (!(d <= worst)) worst = d;
  }
  CHECK(most > 0);
  return worst / most;
}

}  // namespace cutaway::weights::testing
