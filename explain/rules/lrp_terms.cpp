#include "explain/rules/lrp_terms.h"

#include <algorithm>
#include <cstdio>

namespace cutaway::explain {
namespace {

using Side = LrpGroup::Side;

class Builder {
 public:
  Builder(const LrpRule& rule, bool input_never_negative)
      : rule_(rule), positive_only_(input_never_negative) {}

  void term(
      LrpGroup& group, LrpInput input, const LrpWeights& weights, bool bias, float sign = 1.0f) {
    if (positive_only_ && input == LrpInput::kNegative) return;
    if (positive_only_ && input == LrpInput::kPositive) input = LrpInput::kAsIs;
    group.terms.push_back({input, index_of(weights), sign, bias && rule_.bias});
  }

  /// Products of `same`-signed parts where `upper` scales what is positive: (a+ with `upper`) + (a-
  /// with its mirror).
  LrpGroup by_sign(const LrpWeights& upper,
                   const LrpWeights& lower,
                   float factor,
                   Side side = Side::kAll) {
    LrpGroup group{side, factor, {}};
    term(group, LrpInput::kPositive, upper, true);
    term(group, LrpInput::kNegative, lower, false);
    return group;
  }

  std::size_t index_of(const LrpWeights& weights) {
    const auto known = std::ranges::find(recipe.weights, weights);
    if (known != recipe.weights.end()) {
      return static_cast<std::size_t>(known - recipe.weights.begin());
    }
    recipe.weights.push_back(weights);
    return recipe.weights.size() - 1;
  }

  LrpRecipe recipe;

 private:
  const LrpRule& rule_;
  bool positive_only_;
};

LrpWeights scaled(double positive, double negative) {
  return {LrpWeights::Kind::kBySign, static_cast<float>(positive), static_cast<float>(negative)};
}

void add_gamma(Builder& b, const LrpRule& rule, bool output_rectified) {
  const LrpWeights up = scaled(1.0 + rule.gamma, 1.0), down = scaled(1.0, 1.0 + rule.gamma);
  if (output_rectified) {  // what is not positive has no relevance
    b.recipe.groups.push_back(b.by_sign(up, down, 1.0f));
    return;
  }
  b.recipe.groups.push_back(b.by_sign(up, down, 1.0f, Side::kAbove));
  b.recipe.groups.push_back(b.by_sign(down, up, 1.0f, Side::kBelow));
  b.recipe.output = b.index_of({});
}

void add_box(Builder& b) {
  LrpGroup group;
  b.term(group, LrpInput::kAsIs, {}, false);
  b.term(group, LrpInput::kLow, scaled(1, 0), false, -1.0f);
  b.term(group, LrpInput::kHigh, scaled(0, 1), false, -1.0f);
  b.recipe.groups.push_back(group);
}

}  // namespace

std::string LrpWeights::name() const {
  if (kind == Kind::kSquare) return "w^2";
  if (kind == Kind::kOnes) return "1";
  char text[64];
  std::snprintf(text, sizeof text, "%.9gw+%.9gw-", static_cast<double>(positive),
                static_cast<double>(negative));
  return text;
}

bool LrpRecipe::needs_output() const {
  return std::ranges::any_of(groups, [](const LrpGroup& g) { return g.side != Side::kAll; });
}

LrpRecipe lrp_recipe(const LrpRule& rule, bool input_never_negative, bool output_rectified) {
  Builder b(rule, input_never_negative);
  LrpGroup one;
  switch (rule.kind) {
    case LrpKind::kEpsilon:
      b.term(one, LrpInput::kAsIs, {}, true);
      break;
    case LrpKind::kWSquare:
      b.term(one, LrpInput::kOnes, {LrpWeights::Kind::kSquare, 0, 0}, false);
      break;
    case LrpKind::kFlat:
      b.term(one, LrpInput::kOnes, {LrpWeights::Kind::kOnes, 0, 0}, false);
      break;
    case LrpKind::kGamma:
      add_gamma(b, rule, output_rectified);
      return b.recipe;
    case LrpKind::kZBox:
      add_box(b);
      return b.recipe;
    case LrpKind::kZPlus: {
      const LrpWeights up = rule.negated ? scaled(0, -1) : scaled(1, 0);
      const LrpWeights down = rule.negated ? scaled(-1, 0) : scaled(0, 1);
      b.recipe.groups.push_back(b.by_sign(up, down, 1.0f));
      return b.recipe;
    }
    case LrpKind::kAlphaBeta:
      b.recipe.groups.push_back(
          b.by_sign(scaled(1, 0), scaled(0, 1), static_cast<float>(rule.alpha)));
      if (rule.beta != 0.0) {
        b.recipe.groups.push_back(
            b.by_sign(scaled(0, 1), scaled(1, 0), static_cast<float>(-rule.beta)));
      }
      return b.recipe;
  }
  b.recipe.groups.push_back(one);
  return b.recipe;
}

}  // namespace cutaway::explain
