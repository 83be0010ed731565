#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "explain/pictures/image.h"

namespace cutaway::explain {

/// How a number in [0, 1] becomes a colour.
enum class Colormap : std::uint8_t {
  kTurbo,    ///< Google's Turbo (A. Mikhailov 2019), the default for heat
  kJet,      ///< MATLAB's jet(256), exactly; what the papers show
  kViridis,  ///< matplotlib's viridis: perceptually even, survives grey printing
  kSigned,   ///< blue - white - red; entry 128, where 0.5 falls, is pure white
  kGray      ///< black to white
};

inline constexpr int kColormapEntries = 256;
using ColorTable = std::array<Rgb, kColormapEntries>;

/// The 256 entries, made once. Safe to call from several threads.
[[nodiscard]] const ColorTable& color_table(Colormap colormap);

/// The entry for v: round(255 v), halves upwards, after clipping to [0, 1]; NaN gives entry 0.
[[nodiscard]] int color_index(float v) noexcept;
[[nodiscard]] inline Rgb color_of(Colormap colormap, float v) {
  return color_table(colormap)[static_cast<std::size_t>(color_index(v))];
}

/// "turbo", "jet", "viridis", "signed", "gray".
[[nodiscard]] std::string to_string(Colormap colormap);
/// The inverse; throws kUsage, listing the names, on any other text.
[[nodiscard]] Colormap parse_colormap(std::string_view name);

}  // namespace cutaway::explain
