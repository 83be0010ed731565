// Trains a LeNet on pictures that are made up as it goes.
#include <cmath>
#include <cstdio>

#include "layers/training/head.h"
#include "layers/training/sampler.h"
#include "layers/training/trainer.h"
#include "weights/recipe_json.h"
#include "weights/zoo/zoo.h"

namespace {

using namespace cutaway;

/// Pictures of 28 x 28: class 0 is bright above, class 1 below.
struct Pictures {
  std::vector<std::int32_t> all;
  Pictures() {
    for (std::int32_t i = 0; i < 64; ++i) all.push_back(i % 2);
  }
  Tensor images(const std::vector<std::int64_t>& of) const {
    Tensor batch = zeros({static_cast<std::int64_t>(of.size()), 1, 28, 28});
    for (std::size_t i = 0; i < of.size() * 784; ++i) {
      const bool below = i % 784 >= 392;
      const float noise = 0.2f * std::sin(static_cast<float>(of[i / 784] * 784 + i % 784));
      batch.f32()[i] = noise + (below == (of[i / 784] % 2 == 1) ? 1.0f : 0.0f);
    }
    return batch;
  }
  std::vector<std::int32_t> labels(const std::vector<std::int64_t>& of) const {
    std::vector<std::int32_t> some;
    for (const std::int64_t i : of) some.push_back(all[static_cast<std::size_t>(i)]);
    return some;
  }
};

}  // namespace

int main() {
  const Pictures data;
  Recipe recipe =
      weights::recipe_from_json(R"({"epochs": 8, "batch": 16, "schedule": {"rate": 0.005}})");
  Model model(weights::build_zoo("lenet", {2}).graph);
  model.parameters = initial_parameters(model.graph, recipe.initial, recipe.seed);
  const BatchOrder order = BatchOrder::shuffled(64, recipe.batch, recipe.seed);
  Trainer trainer(model, recipe, order.batches(), CpuStream(1));
  Trainer::Result last{};
  while (trainer.epoch() < recipe.epochs) {
    const auto pictures = order.pictures(trainer.epoch(), trainer.batch_of_epoch());
    last = trainer.step(data.images(pictures), data.labels(pictures));
  }
  model.parameters = trainer.parameters();
  std::printf("trained: loss %.4f, %d of 16 right\n", last.loss, static_cast<int>(last.correct));
  return last.correct == 16 ? 0 : 1;
}
