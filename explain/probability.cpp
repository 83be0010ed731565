#include "explain/probability.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "layers/classifier.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double logistic(double score) { return 1.0 / (1.0 + std::exp(-score)); }

bool independent(std::span<const float> scores, ClassHead head) {
  return scores.size() == 1 || head == ClassHead::kIndependent;
}

bool finite(std::span<const float> scores) {
  return std::ranges::all_of(scores, [](float s) { return std::isfinite(s); });
}

}  // namespace

double probability(std::span<const float> scores, std::int64_t target, ClassHead head) {
  check(target >= 0 && target < static_cast<std::int64_t>(scores.size()), "a class of the scores");
  if (!finite(scores)) return kNaN;
  const auto score = static_cast<double>(scores[static_cast<std::size_t>(target)]);
  if (independent(scores, head)) return logistic(score);
  const double most = *std::ranges::max_element(scores);
  double sum = 0.0;
  for (const float s : scores) sum += std::exp(static_cast<double>(s) - most);
  return std::exp(score - most) / sum;
}

std::vector<double> probabilities(std::span<const float> scores, ClassHead head) {
  std::vector<double> p(scores.begin(), scores.end());
  if (p.empty()) return p;
  if (!finite(scores)) {
    std::ranges::fill(p, kNaN);
    return p;
  }
  if (independent(scores, head)) {
    for (double& v : p) v = logistic(v);
    return p;
  }
  const double most = *std::ranges::max_element(scores);
  double sum = 0.0;
  for (double& v : p) sum += v = std::exp(v - most);
  for (double& v : p) v /= sum;
  return p;
}

const char* probability_rule(const Graph& graph) {
  if (graph.node(logits_node(graph)).shape.c == 1)
    return "one output: the logistic function of its score";
  return class_head(graph) == ClassHead::kIndependent
             ? "independent classes: the logistic function of each score"
             : "softmax of the class scores";
}

}  // namespace cutaway::explain
