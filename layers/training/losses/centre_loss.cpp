#include "layers/training/losses/centre_loss.h"

#include <vector>

#include "layers/training/losses/host_maps.h"
#include "layers/training/losses/similarity_loss.h"

namespace cutaway {

CentreLoss::CentreLoss(const Graph& graph, NodeId logits, const Attributes& settings)
    : layer_(layer_setting(graph, settings)),
      features_(embedding_kind(settings.text("features", "pooled"))),
      rate_(setting(settings, "centre_rate", 0.5, 0.0, 1.0)) {
  const Shape& maps = graph.node(layer_).shape;
  const std::int64_t length = features_ == EmbeddingKind::kFlat ? maps.c * maps.plane() : maps.c;
  centres_ = zeros({graph.node(logits).shape.c, length, 1, 1});
}

void CentreLoss::move_centres(const Matrix& v, std::span<const std::int32_t> labels) {
  const std::int64_t length = v.columns;
  std::vector<double> sum(static_cast<std::size_t>(length));
  for (std::int64_t j = 0; j < centres_.shape().n; ++j) {
    float* centre = centres_.f32().data() + j * length;
    double count = 0.0;
    std::fill(sum.begin(), sum.end(), 0.0);
    for (std::int64_t i = 0; i < v.rows; ++i) {
      if (labels[static_cast<std::size_t>(i)] != j) continue;
      count += 1.0;
      for (std::int64_t k = 0; k < length; ++k)
        sum[static_cast<std::size_t>(k)] += static_cast<double>(centre[k]) - v.at(i, k);
    }
    if (count == 0.0) continue;
    for (std::int64_t k = 0; k < length; ++k) {
      centre[k] = static_cast<float>(static_cast<double>(centre[k]) -
                                     rate_ * sum[static_cast<std::size_t>(k)] / (1.0 + count));
    }
  }
}

double CentreLoss::evaluate(const LossCall& call) {
  const Tensor maps = read_plain(call.stream, call.values[0]);
  if (!embedding_) embedding_.emplace(features_, false, host_threads(call.stream));
  const Matrix& v = embedding_->forward(maps, {});
  Matrix dv(v.rows, v.columns);
  double sum = 0.0;
  for (std::int64_t i = 0; i < v.rows; ++i) {
    const std::int64_t label = call.labels.own[static_cast<std::size_t>(i)];
    const float* centre = centres_.f32().data() + label * v.columns;
    for (std::int64_t k = 0; k < v.columns; ++k) {
      const double away = v.at(i, k) - static_cast<double>(centre[k]);
      sum += away * away;
      dv.at(i, k) = away / static_cast<double>(v.rows);
    }
  }
  add_plain(call.stream, call.gradients[0], embedding_->backward(maps, {}, dv), call.weight);
  move_centres(v, call.labels.own);
  return 0.5 * sum / static_cast<double>(v.rows);
}

std::vector<Figure> CentreLoss::figures() const {
  if (!embedding_) return {};
  return {{"norm", embedding_->mean_norm()}};
}

std::vector<NamedTensor> CentreLoss::state() const {
  std::vector<NamedTensor> all;
  all.push_back({"centres", centres_.clone()});
  return all;
}

void CentreLoss::restore(std::span<const NamedTensor> state) {
  copy_named(state, "centres", centres_);
}

}  // namespace cutaway
