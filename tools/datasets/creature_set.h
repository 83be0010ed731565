#pragma once

#include <cstdint>

#include "explain/training/data/labelled.h"
#include "runtime/observer.h"

namespace cutaway::tools {

/// Creatures 0 .. count - 1 of a seed as labelled pictures, rendered on `threads` threads into a
/// temporary file. Progress is "render". Throws Cancelled when the observer says so.
[[nodiscard]] training::LabelledSet creature_set(
    std::int64_t count, int size, std::uint64_t seed, int threads, Observer& observer);

}  // namespace cutaway::tools
