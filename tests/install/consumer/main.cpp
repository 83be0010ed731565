#include <cstdio>

#include "explain/session.h"
#include "weights/zoo/zoo.h"

/// Trains a LeNet on pictures that are made up as it goes; true when it has learned them
/// (training.cpp).
bool train_a_net();

int main() {
  using namespace cutaway;
  Model model(weights::build_zoo("lenet").graph);
  model.parameters = Parameters::initialized(model.graph, 1);
  const Shape shape = model.graph.node(0).shape;
  std::vector<explain::MethodPtr> methods;
  methods.push_back(explain::make_method("saliency"));
  explain::Session session(model, std::move(methods), shape, CpuStream(1));
  session.forward(tensor_of(shape, std::vector<float>(28 * 28, 0.5f)));
  const Tensor map = std::move(session.explain({0}).front().map);
  float largest = 0;
  for (const float value : map.f32()) largest = value > largest ? value : largest;
  std::printf("largest gradient %g of %zu\n", static_cast<double>(largest), map.f32().size());
  return largest > 0 && train_a_net() ? 0 : 1;
}
