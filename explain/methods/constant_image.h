#pragma once

#include <string>
#include <vector>

#include "layers/attributes.h"

namespace cutaway::explain {

/// One value a channel, in the units of the network's input: "zero", one number for all channels,
/// or as many numbers, separated by commas, as there are channels. What occluders, masks and
/// baselines are filled with. Throws kUsage.
[[nodiscard]] std::vector<float> channel_values(const std::string& what,
                                                const std::string& text,
                                                std::size_t channels);

/// The text of an option for channel_values(), which may have come as a number.
[[nodiscard]] std::string channel_text(const Attributes& options,
                                       const std::string& name,
                                       const std::string& otherwise);

}  // namespace cutaway::explain
