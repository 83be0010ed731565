#pragma once

#include <cstdint>
#include <string>

#include "runtime/observer.h"
#include "tools/creatures/creatures.h"

namespace cutaway::tools {

/// Renders pictures first .. first + count - 1 into DIR: images/NNNNNN.png, masks/NNNNNN.png,
/// labels.csv (columns file,label,class) and truth.json (class names, options, and for every
/// picture its class, box and parts with boxes, centres and visibility; boxes are inclusive x1 y1
/// x2 y2). labels.csv is written last. Throws like files::AtomicFile when something cannot be written, and
/// Cancelled, with the pictures that were finished left behind, when the observer has cancelled.
void write_creatures(const std::string& folder,
                     const creatures::Options& options,
                     std::uint64_t first,
                     std::uint64_t count,
                     int threads,
                     Observer& observer = silent_observer());

}  // namespace cutaway::tools
