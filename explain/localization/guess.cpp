#include "explain/localization/guess.h"

#include <algorithm>
#include <cmath>

#include "runtime/error.h"

namespace cutaway::explain {

double overlap(const RealBox& a, const RealBox& b) {
  const auto area = [](const RealBox& r) { return (r.x2 - r.x1 + 1) * (r.y2 - r.y1 + 1); };
  const double w = std::min(a.x2, b.x2) - std::max(a.x1, b.x1) + 1;
  const double h = std::min(a.y2, b.y2) - std::max(a.y1, b.y1) + 1;
  if (!(w > 0 && h > 0)) return 0.0;
  return w * h / (area(a) + area(b) - w * h);
}

double best_overlap(const RealBox& box, std::span<const RealBox> truth) {
  double best = 0.0;
  for (const RealBox& t : truth) best = std::max(best, overlap(box, t));
  return best;
}

int localization_error(std::span<const Guess> guesses,
                       std::int64_t label,
                       std::span<const RealBox> truth) {
  const bool right = std::ranges::any_of(guesses, [&](const Guess& g) {
    return g.label == label && best_overlap(g.box, truth) >= 0.5;
  });
  return right ? 0 : 1;
}

std::vector<Guess> five_guesses(std::span<const ClassBoxes> ranked) {
  std::vector<Guess> guesses;
  for (const ClassBoxes& c : ranked.first(std::min<std::size_t>(3, ranked.size()))) {
    check(!c.boxes.empty(), "a class without a box");
    guesses.push_back({c.label, c.boxes[0]});
    if (guesses.size() < 5) {
      guesses.push_back({c.label, c.boxes[std::min<std::size_t>(1, c.boxes.size() - 1)]});
    }
  }
  return guesses;
}

std::vector<Guess> one_guess_a_class(std::span<const ClassBoxes> ranked) {
  std::vector<Guess> guesses;
  for (const ClassBoxes& c : ranked) {
    check(!c.boxes.empty(), "a class without a box");
    guesses.push_back({c.label, c.boxes[0]});
  }
  return guesses;
}

RealBox whole_picture(double width, double height) { return {0, 0, width - 1, height - 1}; }

RealBox centre_box(double width, double height, double share) {
  const double w = width * std::sqrt(share), h = height * std::sqrt(share);
  return {(width - w) / 2, (height - h) / 2, (width + w) / 2 - 1, (height + h) / 2 - 1};
}

std::vector<float> centre_gaussian(int side) {
  std::vector<float> map;
  const double middle = (side - 1) / 2.0, sigma = side / 4.0;
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const double r2 = (x - middle) * (x - middle) + (y - middle) * (y - middle);
      map.push_back(static_cast<float>(std::exp(-r2 / (2 * sigma * sigma))));
    }
  }
  return map;
}

}  // namespace cutaway::explain
