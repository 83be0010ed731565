#pragma once

#include <optional>
#include <string>
#include <vector>

#include "explain/pictures/list.h"
#include "weights/package.h"

namespace cutaway::explain {

/// Which class to explain, as the user said it:
///   top1, top2 ...  the net's first, second ... class
///   label           the true class of a labelled picture
///   expected        the field of the list's column `expected`; the label where the list has no
///                   such column
///   column:NAME     the field of any other column: a class number or name
///   pair            two classes, the predicted (top1) and the expected one, to be compared
///   anything else   a class number, or the name of a class (or an unambiguous part of it)
class TargetRule {
 public:
  /// Throws kUsage, with the nearest names, when `text` means nothing for this model.
  TargetRule(const std::string& text, const weights::Package& package);

  /// The class for one image, or why there is none.
  struct Choice {
    std::optional<std::int64_t> target;
    std::string missing;
  };
  /// `ranking`: the image's classes in descending order. `part` counts the classes of a pair: 0
  /// predicted, 1 expected.
  [[nodiscard]] Choice resolve(const std::vector<std::int64_t>& ranking,
                               const ImageEntry& entry,
                               std::size_t part = 0) const;

  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] bool is_pair() const noexcept { return kind_ == Kind::kPair; }
  [[nodiscard]] std::size_t parts() const noexcept { return is_pair() ? 2 : 1; }
  /// "top1"; of a pair "predicted" or "expected".
  [[nodiscard]] std::string part_name(std::size_t part) const;

 private:
  enum class Kind : std::uint8_t { kRank, kClass, kLabel, kColumn, kPair };

  [[nodiscard]] Choice of_label(const ImageEntry& entry) const;
  [[nodiscard]] Choice of_column(const ImageEntry& entry) const;

  const weights::Package* package_;
  std::string text_, column_;
  Kind kind_{Kind::kRank};
  std::int64_t value_{0};  // place in the ranking, or class
  std::int64_t classes_;
};

}  // namespace cutaway::explain
