#include "layers/class_head.h"

#include "layers/activation.h"

namespace cutaway {

ClassHead class_head(const Graph& graph) {
  const auto* end = dynamic_cast<const ActivationLayer*>(graph.node(graph.last()).layer.get());
  const bool sigmoid =
      end != nullptr && (end->function().kind == kernels::Activation::kSigmoid ||
                         end->function().kind == kernels::Activation::kHardSigmoid);
  return sigmoid ? ClassHead::kIndependent : ClassHead::kSoftmax;
}

}  // namespace cutaway
