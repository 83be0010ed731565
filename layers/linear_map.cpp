#include "layers/linear_map.h"

namespace cutaway {

std::unique_ptr<LinearMap> Layer::linear_map(const LinearGeometry&) const { return nullptr; }

}  // namespace cutaway
