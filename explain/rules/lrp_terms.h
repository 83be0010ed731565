#pragma once

#include <string>
#include <vector>

#include "explain/rules/lrp.h"

/// LRP rules as data: what the propagation of a layer adds up. Internal to explain/rules.
namespace cutaway::explain {

/// What takes the place of the layer's input.
enum class LrpInput : std::uint8_t { kAsIs, kPositive, kNegative, kOnes, kLow, kHigh };

/// What takes the place of its weights: p w+ + n w-, w^2, or 1. The bias changes with them.
struct LrpWeights {
  enum class Kind : std::uint8_t { kBySign, kSquare, kOnes } kind{Kind::kBySign};
  float positive{1.0f}, negative{1.0f};

  [[nodiscard]] bool as_is() const {
    return kind == Kind::kBySign && positive == 1.0f && negative == 1.0f;
  }
  [[nodiscard]] std::string name() const;
  friend bool operator==(const LrpWeights&, const LrpWeights&) = default;
};

struct LrpTerm {
  LrpInput input{LrpInput::kAsIs};
  std::size_t weights{0};  ///< in LrpRecipe::weights
  float sign{1.0f};
  bool bias{false};
};

/// Terms with a common denominator, for all outputs or those on one side of zero.
struct LrpGroup {
  enum class Side : std::uint8_t { kAll, kAbove, kBelow } side{Side::kAll};
  float factor{1.0f};
  std::vector<LrpTerm> terms;
};

struct LrpRecipe {
  std::vector<LrpWeights> weights;
  std::vector<LrpGroup> groups;
  std::size_t output{0};  ///< weights of the plain output, when a group has a side

  [[nodiscard]] bool needs_output() const;
};

/// The recipe of a rule on a layer whose input is never negative, or whose output goes through a
/// ReLU only. What those facts make zero is left out.
[[nodiscard]] LrpRecipe lrp_recipe(const LrpRule& rule,
                                   bool input_never_negative,
                                   bool output_rectified);

}  // namespace cutaway::explain
