#pragma once

#include "layers/training/losses/loss.h"

namespace cutaway {

/// The filter loss of the interpretable CNN (Zhang, Wu, Zhu 2018, section 3.2): every filter of a
/// layer is to answer one part of one class. For the maps x of one filter over the batch,
///   L = -MI(X; T) = -sum over T of p(T) sum over x of p(x|T) log(p(x|T) / p(x)),
///   p(x|T) = exp(sum of x T) / Z_T, Z_T over the batch,   p(x) = sum over T of p(T) p(x|T),
/// and the mean over filters. Templates: T_m around each of the P positions m, t_ij = tau max(1 -
/// beta |(i, j) - m|_1 / n, -1), and T- = -tau everywhere; p(T_m) = alpha / P, p(T-) = 1 - alpha,
/// alpha = P / (1 + P). n is the greater extent.
///
/// The gradient, by setting `gradient`:
///   target (default)  only through the template that an image should fit: for images of the
///                     filter's class T_m around the map's maximum, for others T-. A filter's class
///                     is the one whose images activate it most on average, found anew in every
///                     batch.
///   exact             of L itself, through all templates
/// Settings: layer (the last maps before the classifier; those that a template mask reads); tau
/// (0.5 / P), beta (4). The maps should not be negative: put it behind a ReLU.
class FilterLoss final : public Loss {
 public:
  FilterLoss(const Graph& graph, NodeId logits, const Attributes& settings);
  [[nodiscard]] std::string_view kind() const noexcept override { return "filter"; }
  [[nodiscard]] std::vector<NodeId> reads() const override { return {layer_}; }
  double evaluate(const LossCall& call) override;

  /// P + 1 rows of P values: the templates around every position in row-major order, then T-.
  [[nodiscard]] static Tensor templates(std::int64_t h, std::int64_t w, double tau, double beta);

 private:
  struct Batch;
  double filter(Batch& batch, std::int64_t channel) const;
  void keep_targets(Batch& batch, std::int64_t channel) const;

  NodeId layer_;
  std::int64_t classes_;
  double tau_, beta_;
  bool exact_;
  Tensor templates_;
};

}  // namespace cutaway
