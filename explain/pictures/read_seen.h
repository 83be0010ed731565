#pragma once

#include "explain/pictures/image.h"
#include "explain/pictures/list.h"
#include "weights/preprocess.h"

namespace cutaway::explain {

/// resize_and_crop(read_entry(entry), rule), with the memory of the whole picture claimed until it
/// has been shrunk, whatever the number of threads that do so. Where `rule` resizes, JPEGs and PNGs
/// too large for that memory are shrunk while they are decoded, to four times the size that the
/// rule asks for or more; all others are decoded whole. Throws what those two throw.
[[nodiscard]] Image read_seen(const ImageEntry& entry, const weights::Preprocess& rule);

}  // namespace cutaway::explain
