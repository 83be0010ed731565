#include "explain/training/transfer/softmax_regression.h"

#include <algorithm>
#include <cmath>

#include "layers/dense.h"
#include "layers/training/initialize.h"
#include "layers/training/sampler.h"
#include "layers/training/trainer.h"

namespace cutaway::training {
namespace {

Graph dense_graph(std::int64_t width, std::int64_t classes) {
  Graph g({1, width, 1, 1});
  g.add("fc", std::make_shared<Dense>(classes));
  return g;
}

/// Rows of length 1 as numbers of about 1.
float scale_of(std::int64_t width) { return std::sqrt(static_cast<float>(width)); }

}  // namespace

SoftmaxRegression::SoftmaxRegression(std::span<const float> rows,
                                     std::int64_t width,
                                     std::span<const std::int32_t> labels,
                                     std::int64_t classes,
                                     std::uint64_t seed)
    : width_(width), classes_(classes), model_(dense_graph(width, classes)) {
  const auto count = static_cast<std::int64_t>(labels.size());
  Recipe recipe;
  recipe.epochs = 60;
  recipe.batch = std::clamp<std::int64_t>(count / 8, 1, 64);
  recipe.seed = seed;
  recipe.optimizer.kind = OptimizerOptions::Kind::kAdamW;
  recipe.optimizer.weight_decay = 0.001f;
  recipe.schedule.rate = 0.02f;
  model_.parameters = initial_parameters(model_.graph, InitialWeights::kGaussian, seed);
  const BatchOrder order = BatchOrder::shuffled(count, recipe.batch, seed);
  Trainer trainer(model_, recipe, order.batches(), CpuStream(1));
  Tensor batch = zeros({recipe.batch, width, 1, 1});
  std::vector<std::int32_t> own(static_cast<std::size_t>(recipe.batch));
  const auto size = static_cast<std::size_t>(width);
  while (trainer.epoch() < recipe.epochs) {
    const auto pictures = order.pictures(trainer.epoch(), trainer.batch_of_epoch());
    for (std::size_t i = 0; i < pictures.size(); ++i) {
      const auto row = rows.subspan(static_cast<std::size_t>(pictures[i]) * size, size);
      std::transform(row.begin(), row.end(),
                     batch.f32().begin() + static_cast<std::ptrdiff_t>(i * size),
                     [&](float v) { return v * scale_of(width); });
      own[i] = labels[static_cast<std::size_t>(pictures[i])];
    }
    (void)trainer.step(batch, own);
  }
  model_.parameters = trainer.parameters();
}

std::int32_t SoftmaxRegression::predict(std::span<const float> row) const {
  const std::span<const float> w = model_.parameters.of(1)[0].f32();
  const std::span<const float> b = model_.parameters.of(1)[1].f32();
  std::int32_t best = 0;
  double highest = 0.0;
  for (std::int64_t c = 0; c < classes_; ++c) {
    double score = static_cast<double>(b[static_cast<std::size_t>(c)]);
    for (std::int64_t i = 0; i < width_; ++i) {
      score += static_cast<double>(w[static_cast<std::size_t>(c * width_ + i)]) *
               static_cast<double>(row[static_cast<std::size_t>(i)] * scale_of(width_));
    }
    if (c == 0 || score > highest) {
      highest = score;
      best = static_cast<std::int32_t>(c);
    }
  }
  return best;
}

}  // namespace cutaway::training
