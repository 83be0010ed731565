#include "layers/training/losses/similarity_loss.h"

#include <algorithm>

#include "layers/classifier.h"
#include "layers/training/losses/host_maps.h"
#include "runtime/error.h"
#include "runtime/parallel.h"

namespace cutaway {
namespace {

Matrix gram(const Matrix& u, int threads) {
  Matrix g(u.rows, u.rows);
  parallel_for(threads, u.rows, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      for (std::int64_t j = 0; j <= i; ++j) {
        double sum = 0.0;
        const double *a = u.row(i), *b = u.row(j);
        for (std::int64_t k = 0; k < u.columns; ++k) sum += a[k] * b[k];
        g.at(i, j) = sum;
      }
    }
  });
  for (std::int64_t i = 0; i < u.rows; ++i) {
    for (std::int64_t j = i + 1; j < u.rows; ++j) g.at(i, j) = g.at(j, i);
  }
  return g;
}

/// du = (dG + dG') u.
Matrix gram_gradient(const Matrix& dg, const Matrix& u, int threads) {
  Matrix du(u.rows, u.columns);
  parallel_for(threads, u.rows, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      double* to = du.row(i);
      for (std::int64_t j = 0; j < u.rows; ++j) {
        const double w = dg.at(i, j) + dg.at(j, i);
        if (w == 0.0) continue;
        const double* from = u.row(j);
        for (std::int64_t k = 0; k < u.columns; ++k) to[k] += w * from[k];
      }
    }
  });
  return du;
}

}  // namespace

double setting(
    const Attributes& settings, const char* name, double otherwise, double least, double most) {
  const double value = settings.number(name, otherwise);
  if (!(value >= least && value <= most)) {
    throw Error(ErrorKind::kInput, std::string("setting ") + name)
        .expected(std::to_string(least) + " to " + std::to_string(most))
        .got(std::to_string(value));
  }
  return value;
}

NodeId layer_setting(const Graph& graph, const Attributes& settings) {
  const std::string name = settings.text("layer", "");
  return name.empty() ? default_layer(graph).node : graph.find(name);
}

SimilarityLoss::SimilarityLoss(const Graph& graph,
                               const Attributes& settings,
                               const Defaults& defaults)
    : layer_(layer_setting(graph, settings)),
      features_(embedding_kind(settings.text("features", "pooled"))),
      mask_threshold_(static_cast<float>(setting(settings, "mask_threshold", 0.0, 0.0, 1.0))),
      warmup_(setting(settings, "warmup_epochs", defaults.warmup_epochs, 0.0, 1e6)) {
  if (settings.flag("masked", defaults.masked)) mask_.emplace(graph, layer_);
}

void SimilarityLoss::watch(const Matrix& g, std::span<const std::int32_t> labels, double norm) {
  double sums[2] = {0.0, 0.0};
  double counts[2] = {0.0, 0.0};
  for (std::int64_t i = 0; i < g.rows; ++i) {
    for (std::int64_t j = i + 1; j < g.rows; ++j) {
      const int same =
          labels[static_cast<std::size_t>(i)] == labels[static_cast<std::size_t>(j)] ? 1 : 0;
      sums[same] += g.at(i, j);
      counts[same] += 1.0;
    }
  }
  figures_.clear();
  if (counts[1] > 0.0) figures_.emplace_back("intra", sums[1] / counts[1]);
  if (counts[0] > 0.0) figures_.emplace_back("inter", sums[0] / counts[0]);
  figures_.emplace_back("norm", norm);
}

double SimilarityLoss::evaluate(const LossCall& call) {
  const int threads = host_threads(call.stream);
  const Tensor maps = read_plain(call.stream, call.values[0]);
  const std::span<const std::int32_t> labels = call.labels.own;
  const double ramp = warmup_ > 0.0 ? std::min(1.0, call.epoch / warmup_) : 1.0;
  const bool masked = mask_ && ramp >= 1.0;
  const Tensor mask =
      masked ? mask_->masks(maps, labels, call.parameters, mask_threshold_) : Tensor();
  if (!embedding_) embedding_.emplace(features_, true, threads);
  const Matrix& u = embedding_->forward(maps, mask);
  const Matrix g = gram(u, threads);
  Matrix dg(g.rows, g.columns);
  const double value = compare(g, labels, dg);
  watch(g, labels, embedding_->mean_norm());
  const Matrix du = gram_gradient(dg, u, threads);
  add_plain(call.stream, call.gradients[0], embedding_->backward(maps, mask, du),
            call.weight * static_cast<float>(ramp));
  return ramp * value;
}

}  // namespace cutaway
