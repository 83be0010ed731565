#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "explain/pictures/image.h"

namespace cutaway::explain {

/// An animation as GIF89a: one palette of up to 256 colours for all frames (median cut over colours
/// of 5 bits a channel), `delay` hundredths of a second a frame (the last one stays four times as
/// long), repeated for ever. Throws kShape when there is no frame, when they differ in size or
/// exceed 65535 a side. Bytes depend on nothing but the arguments.
[[nodiscard]] std::vector<std::uint8_t> encode_gif(std::span<const Image> frames, int delay);

/// Encodes and writes atomically.
void write_gif(const std::string& path, std::span<const Image> frames, int delay);

}  // namespace cutaway::explain
