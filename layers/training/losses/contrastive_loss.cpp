#include "layers/training/losses/contrastive_loss.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace cutaway {

ContrastiveLoss::ContrastiveLoss(const Graph& graph, NodeId /*logits*/, const Attributes& settings)
    : SimilarityLoss(graph, settings, {}),
      temperature_(setting(settings, "temperature", 0.1, 1e-3, 1e3)) {}

double ContrastiveLoss::compare(const Matrix& g,
                                std::span<const std::int32_t> labels,
                                Matrix& dg) const {
  const auto positive = [&](std::int64_t i, std::int64_t j) {
    return i != j && labels[static_cast<std::size_t>(i)] == labels[static_cast<std::size_t>(j)];
  };
  double sum = 0.0, anchors = 0.0;
  for (std::int64_t i = 0; i < g.rows; ++i) {
    double most = -std::numeric_limits<double>::infinity(), total = 0.0, near = 0.0, count = 0.0;
    for (std::int64_t a = 0; a < g.rows; ++a) {
      if (a != i) most = std::max(most, g.at(i, a) / temperature_);
    }
    for (std::int64_t a = 0; a < g.rows; ++a) {
      if (a != i) total += std::exp(g.at(i, a) / temperature_ - most);
      if (!positive(i, a)) continue;
      near += g.at(i, a) / temperature_;
      count += 1.0;
    }
    if (count == 0.0) continue;
    anchors += 1.0;
    sum += most + std::log(total) - near / count;
    for (std::int64_t a = 0; a < g.rows; ++a) {
      if (a == i) continue;
      const double share = std::exp(g.at(i, a) / temperature_ - most) / total;
      dg.at(i, a) += (share - (positive(i, a) ? 1.0 / count : 0.0)) / temperature_;
    }
  }
  if (anchors == 0.0) return 0.0;
  for (double& d : dg.values) d /= anchors;
  return sum / anchors;
}

}  // namespace cutaway
