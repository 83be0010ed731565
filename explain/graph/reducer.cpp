#include "explain/graph/reducer.h"

namespace cutaway::explain::graph {

void Reducer::sum(std::span<double> /*values*/) {}

std::vector<float> Reducer::gather(std::vector<float> values) { return values; }

}  // namespace cutaway::explain::graph
