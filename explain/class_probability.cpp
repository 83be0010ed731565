#include "explain/class_probability.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "explain/probability.h"
#include "layers/classifier.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

bool finite(std::span<const float> scores) {
  return std::ranges::all_of(scores, [](float s) { return std::isfinite(s); });
}

}  // namespace

double class_probability(std::span<const float> scores, std::int64_t target, ClassHead head) {
  check(target >= 0 && target < static_cast<std::int64_t>(scores.size()), "a class of the scores");
  if (!finite(scores)) return kNaN;
  // A single score is taken for yes or no.
  return head == ClassHead::kIndependent
             ? probability(scores.subspan(static_cast<std::size_t>(target), 1), 0)
             : probability(scores, target);
}

std::vector<double> class_probabilities(std::span<const float> scores, ClassHead head) {
  if (!finite(scores)) return std::vector<double>(scores.size(), kNaN);
  if (head != ClassHead::kIndependent) return probabilities(scores);
  std::vector<double> all;
  for (std::size_t c = 0; c < scores.size(); ++c)
    all.push_back(probability(scores.subspan(c, 1), 0));
  return all;
}

const char* probability_rule(const Graph& graph) {
  if (graph.node(logits_node(graph)).shape.c == 1)
    return "one output: the logistic function of its score";
  return class_head(graph) == ClassHead::kIndependent
             ? "independent classes: the logistic function of each score"
             : "softmax of the class scores";
}

}  // namespace cutaway::explain
