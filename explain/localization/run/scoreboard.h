#pragma once

#include <optional>
#include <string>
#include <vector>

#include "explain/localization/guess.h"
#include "explain/statistics/jackknife.h"

namespace cutaway::explain {

/// What one way to find boxes achieved on one picture with a known box.
struct BoxScore {
  double overlap{0};  ///< of the true class's first box with the best true one
  bool top1{false};   ///< localised by the box of the first class
  bool topk{false};   ///< localised by one of the boxes, one for each of the first five classes
  bool five{false};   ///< localised by one of the five guesses
};

/// One picture with a known class and box.
struct PictureScore {
  std::int64_t label{0};
  std::int64_t rank{-1};        ///< of the true class among those asked for; -1: not there
  std::vector<BoxScore> boxes;  ///< one a row of the table
  std::vector<BoxHits> hits;    ///< one a map
};

/// The localisation of one class ranking: the true class's boxes and those of the ranked classes.
[[nodiscard]] BoxScore score_boxes(const std::vector<ClassBoxes>& ranked,
                                   const RealBox& of_true_class,
                                   std::int64_t label,
                                   std::span<const RealBox> truth);

/// A line of the table; shares in 0..1, with 95 % intervals over the pictures.
struct BoxRow {
  std::string method, rule;
  Interval gt_known;  ///< share of pictures whose true class's box overlaps 0.5 or more
  Interval corloc;    ///< the same as a mean over classes
  Interval overlap;   ///< mean
  Interval top1_error, topk_error, five_error;
};
struct CurveRow {
  std::string method;
  Interval v1, v2;
  MaxBoxAcc all;  ///< of all pictures once
};
struct LocalizationTable {
  std::int64_t pictures{0};
  std::int64_t classes{5};  ///< of topk_error: five, or all where fewer were asked for
  Interval top1, topk;      ///< classification errors
  std::vector<BoxRow> boxes;
  std::vector<CurveRow> curves;
};

/// Rows of `scores` in the order of their names (method, rule), curves in that of `maps`. Intervals
/// are a jackknife's over at most `groups` groups of pictures; 0: none; `top`: classes asked for. That of MaxBoxAcc is for the
/// threshold that is the best of these pictures.
[[nodiscard]] LocalizationTable make_table(
    const std::vector<PictureScore>& scores,
    const std::vector<std::pair<std::string, std::string>>& rows,
    const std::vector<std::string>& maps,
    std::int64_t groups,
    double step,
    std::uint64_t seed,
    std::int64_t top);

/// As aligned text, in per cent.
[[nodiscard]] std::string to_text(const LocalizationTable& table);

}  // namespace cutaway::explain
