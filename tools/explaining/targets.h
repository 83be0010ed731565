#pragma once

#include <optional>
#include <string>
#include <vector>

#include "weights/package.h"

namespace cutaway::tools {

/// Which class to explain, as the user said it: "top1" (the net's first), "top2" ..., "label" (the true one of a
/// labelled list), a class number, or the name of a class (or an unambiguous part of it).
class TargetRule {
 public:
  /// Throws kUsage, with the nearest names, when `text` means nothing for this model.
  TargetRule(const std::string& text, const weights::Package& package);

  /// The class for one image, given its classes in descending order; empty for "label" without a label.
  [[nodiscard]] std::optional<std::int64_t> resolve(const std::vector<std::int64_t>& ranking,
                                                    std::optional<std::int64_t> label) const;
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
  std::int64_t rank_{-1};   // place in the ranking
  std::int64_t class_{-1};  // fixed class
};

}  // namespace cutaway::tools
