#pragma once

#include "weights/preprocess.h"

namespace cutaway::tests {

/// What a net expects of pictures that are warped to 227 x 227 already, as those of the shared
/// data's imagenet_val: of a rule that warps, only the crop is left.
inline weights::Preprocess for_warped_pictures(weights::Preprocess rule) {
  if (rule.resize != weights::ResizeRule::kWarp) return rule;
  rule.resize = weights::ResizeRule::kNone;
  rule.width = rule.height = 0;
  return rule;
}

}  // namespace cutaway::tests
