#include "explain/graph/reducer.h"

#include <typeinfo>

namespace cutaway::explain::graph {

void Reducer::sum(std::span<double> /*values*/) {}

std::vector<float> Reducer::gather(std::vector<float> values) { return values; }

// Who exchanges anything is derived from this.
bool Reducer::alone() const { return typeid(*this) == typeid(Reducer); }

}  // namespace cutaway::explain::graph
