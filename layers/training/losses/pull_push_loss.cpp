#include "layers/training/losses/pull_push_loss.h"

#include <algorithm>

#include "layers/classifier.h"

namespace cutaway {
namespace {

/// Without a mask named, masks where the network has class activation maps.
bool has_masks(const Graph& graph, const Attributes& settings) {
  const auto head = cam_head(graph);
  return head && head->maps == layer_setting(graph, settings);
}

}  // namespace

PullPushLoss::PullPushLoss(const Graph& graph, NodeId /*logits*/, const Attributes& settings)
    : SimilarityLoss(graph, settings, {has_masks(graph, settings), 5.0}),
      pull_(setting(settings, "pull", 1.0, 0.0, 1e6)),
      push_(setting(settings, "push", 1.0, 0.0, 1e6)),
      margin_(setting(settings, "margin", 0.3, -1.0, 1.0)) {}

double PullPushLoss::compare(const Matrix& g,
                             std::span<const std::int32_t> labels,
                             Matrix& dg) const {
  const auto same = [&](std::int64_t i, std::int64_t j) {
    return labels[static_cast<std::size_t>(i)] == labels[static_cast<std::size_t>(j)];
  };
  double together = 0.0, apart = 0.0, pairs = 0.0, others = 0.0;
  for (std::int64_t i = 0; i < g.rows; ++i) {
    for (std::int64_t j = i + 1; j < g.rows; ++j) {
      if (same(i, j)) {
        together += 1.0 - g.at(i, j);
        pairs += 1.0;
      } else {
        apart += std::max(0.0, g.at(i, j) - margin_);
        others += 1.0;
      }
    }
  }
  for (std::int64_t i = 0; i < g.rows; ++i) {
    for (std::int64_t j = i + 1; j < g.rows; ++j) {
      if (same(i, j)) {
        dg.at(i, j) = -pull_ / pairs;
      } else if (g.at(i, j) > margin_) {
        dg.at(i, j) = push_ / others;
      }
    }
  }
  return (pairs > 0.0 ? pull_ * together / pairs : 0.0) +
         (others > 0.0 ? push_ * apart / others : 0.0);
}

}  // namespace cutaway
