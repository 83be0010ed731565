#include "explain/probability.h"

#include <algorithm>
#include <cmath>

#include "runtime/error.h"

namespace cutaway::explain {
namespace {

double logistic(double score) { return 1.0 / (1.0 + std::exp(-score)); }

}  // namespace

double probability(std::span<const float> scores, std::int64_t target) {
  check(target >= 0 && target < static_cast<std::int64_t>(scores.size()), "a class of the scores");
  if (scores.size() == 1) return logistic(static_cast<double>(scores[0]));
  const double most = *std::ranges::max_element(scores);
  double sum = 0.0;
  for (const float s : scores) sum += std::exp(static_cast<double>(s) - most);
  return std::exp(static_cast<double>(scores[static_cast<std::size_t>(target)]) - most) / sum;
}

std::vector<double> probabilities(std::span<const float> scores) {
  if (scores.size() == 1) return {logistic(static_cast<double>(scores[0]))};
  std::vector<double> p(scores.begin(), scores.end());
  if (p.empty()) return p;
  const double most = *std::ranges::max_element(scores);
  double sum = 0.0;
  for (double& v : p) sum += v = std::exp(v - most);
  for (double& v : p) v /= sum;
  return p;
}

}  // namespace cutaway::explain
