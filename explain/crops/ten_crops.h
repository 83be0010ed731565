#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "explain/pictures/image.h"

namespace cutaway::explain {

inline constexpr std::int64_t kTenCrops = 10;

/// In which order the ten crops of a square frame come, and where the middle one stands when frame
/// - size is odd. Five windows (corners and middle), then five mirrored ones.
enum class CropOrder : std::uint8_t {
  kMatlab,   ///< the CAM authors': left column first, middle at floor((frame + 1 - size) / 2)
  kPycaffe,  ///< upper row first, middle at floor((frame - size) / 2)
  /// Upper row first, middle at (frame - size) / 2 rounded half to even; the last five are the
  /// windows of the mirrored frame.
  kTorchvision
};

/// A size x size window of the frame; mirrored: shown left to right.
struct CropWindow {
  int x{0}, y{0};
  bool mirrored{false};
  friend constexpr bool operator==(const CropWindow&, const CropWindow&) = default;
};

/// The ten windows. Throws kShape unless 1 <= size <= frame.
[[nodiscard]] std::vector<CropWindow> ten_crops(int frame, int size, CropOrder order);

/// What the net is shown of `frame`, which is square. Throws kShape when the window does not lie in
/// it.
[[nodiscard]] Image cut_crop(const Image& frame, const CropWindow& window, int size);

/// "matlab", "pycaffe", "torchvision".
[[nodiscard]] std::string to_string(CropOrder order);
/// The inverse; throws kUsage, listing the names, on any other text.
[[nodiscard]] CropOrder parse_crop_order(std::string_view name);

}  // namespace cutaway::explain
