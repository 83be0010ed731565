#include "explain/pictures/read_seen.h"

#include <algorithm>

#include "explain/pictures/preprocess.h"
#include "explain/pictures/read_image.h"

namespace cutaway::explain {
namespace {

int enough_for(const weights::Preprocess& rule) {
  constexpr int kTimes = 4;  // so that what the rule averages over is still there
  switch (rule.resize) {
    case weights::ResizeRule::kNone:
      return 0;
    case weights::ResizeRule::kWarp:
      return kTimes * std::max(rule.width, rule.height);
    case weights::ResizeRule::kShortSide:
      return kTimes * rule.short_side;
  }
  return 0;
}

}  // namespace

Image read_seen(const ImageEntry& entry, const weights::Preprocess& rule) {
  validate(rule);
  PictureMemory::Claim claim;  // ends behind the picture
  ReadOptions options;
  options.enough = enough_for(rule);
  options.claim = &claim;
  return resize_and_crop(read_entry(entry, options), rule);
}

}  // namespace cutaway::explain
