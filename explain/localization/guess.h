#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "explain/localization/box.h"
#include "explain/localization/max_box_acc.h"

namespace cutaway::explain {

/// A class and where it is.
struct Guess {
  std::int64_t label{0};
  RealBox box;
};

/// IoU with the +1 convention of boxes with fractions; the same as iou() on whole numbers.
[[nodiscard]] double overlap(const RealBox& a, const RealBox& b);
/// The greatest overlap with any of `truth`; 0 without one.
[[nodiscard]] double best_overlap(const RealBox& box, std::span<const RealBox> truth);

/// The error of one picture in ILSVRC's localisation task (Russakovsky et al. 2015): 0 when one of
/// the guesses has the right class and an overlap of at least 0.5 with a box of that class,
/// otherwise 1.
[[nodiscard]] int localization_error(std::span<const Guess> guesses,
                                     std::int64_t label,
                                     std::span<const RealBox> truth);

/// Boxes of one class, largest first; at least one.
struct ClassBoxes {
  std::int64_t label{0};
  std::vector<RealBox> boxes;
};
/// Class 1 loose, class 1 tight, class 2 loose, class 2 tight, class 3 loose: the authors' five
/// guesses (the 37.1 % entry). A class with one box gives it twice; fewer classes give fewer
/// guesses.
[[nodiscard]] std::vector<Guess> five_guesses(std::span<const ClassBoxes> ranked);
/// The first box of each class.
[[nodiscard]] std::vector<Guess> one_guess_a_class(std::span<const ClassBoxes> ranked);

/// Boxes and a map that know nothing of the picture, to compare with.
[[nodiscard]] RealBox whole_picture(double width, double height);
/// In the middle, of the picture's proportions and `share` of its area.
[[nodiscard]] RealBox centre_box(double width, double height, double share = 0.5);
/// side x side values exp(-r^2 / (2 (side / 4)^2)), r from the middle. Thresholds are chosen over
/// all, so the width does not matter beyond the rounding to 256 levels.
[[nodiscard]] std::vector<float> centre_gaussian(int side);

}  // namespace cutaway::explain
