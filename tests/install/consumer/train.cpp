// Ten steps of training: lying and standing bars in noise.
#include <cstdio>
#include <exception>

#include "layers/training/trainer.h"
#include "runtime/philox.h"
#include "weights/zoo/zoo.h"

int main() try {
  using namespace cutaway;
  Model model(weights::build_zoo("lenet").graph);
  model.parameters = Parameters::initialized(model.graph, 1);
  Shape shape = model.graph.node(0).shape;
  shape.n = 16;
  Trainer::Options options;
  options.batch = shape.n;
  Trainer trainer(model, model.graph.size() - 2, options, CpuStream(2));  // before the softmax
  double first = 0;
  double last = 0;
  for (std::uint64_t step = 0; step < 10; ++step) {
    const Philox random{1, step};
    Tensor images = zeros(shape);
    std::vector<std::int32_t> labels(16);
    for (std::int64_t n = 0; n < shape.n; ++n) {
      const std::uint64_t word = random.word(static_cast<std::uint64_t>(n));
      const auto at = static_cast<std::int64_t>(word % 28);
      labels[static_cast<std::size_t>(n)] = static_cast<std::int32_t>(word >> 16U & 1U);
      const bool standing = labels[static_cast<std::size_t>(n)] == 1;
      for (std::int64_t k = 0; k < 28; ++k) {
        images.ref().out().at(n, 0, standing ? k : at, standing ? at : k) = 1.0F;
      }
    }
    last = trainer.step(images, labels, 0.05F).loss;
    if (step == 0) first = last;
  }
  std::printf("loss %g, then %g\n", first, last);
  return last < first ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
