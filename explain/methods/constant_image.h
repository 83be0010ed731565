#pragma once

#include <string>
#include <vector>

namespace cutaway::explain {

/// One value a channel, in the units of the network's input: "zero", one number for all channels,
/// or as many numbers, separated by commas, as there are channels. What occluders, masks and
/// baselines are filled with. Throws kUsage.
[[nodiscard]] std::vector<float> channel_values(const std::string& what,
                                                const std::string& text,
                                                std::size_t channels);

}  // namespace cutaway::explain
