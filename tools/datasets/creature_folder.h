#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "tools/creatures/creatures.h"

namespace cutaway::tools {

/// Renders pictures first .. first + count - 1 into DIR: images/NNNNNN.png, masks/NNNNNN.png,
/// labels.csv (columns file,label,class) and truth.json (class names, options, and for every
/// picture its class, box and parts with boxes, centres and visibility; boxes are inclusive x1 y1
/// x2 y2). labels.csv is written last. Throws kInput when something cannot be written.
void write_creatures(const std::string& folder,
                     const creatures::Options& options,
                     std::uint64_t first,
                     std::uint64_t count,
                     int threads,
                     const std::function<void(std::int64_t)>& progress);

}  // namespace cutaway::tools
