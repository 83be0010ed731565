#include <cstddef>
#include <utility>

#include "explain/pictures/codec.h"

namespace cutaway::explain::codec {
namespace {

// Reads integers of either byte order from a TIFF structure; the caller checks the bounds.
class TiffReader {
 public:
  explicit TiffReader(std::span<const std::uint8_t> bytes)
      : bytes_(bytes), little_(bytes[0] == 'I') {}

  [[nodiscard]] std::uint32_t u16(std::size_t at) const {
    const std::uint32_t a = bytes_[at];
    const std::uint32_t b = bytes_[at + 1];
    return little_ ? a | b << 8U : a << 8U | b;
  }
  [[nodiscard]] std::uint32_t u32(std::size_t at) const {
    return little_ ? u16(at) | u16(at + 2) << 16U : u16(at) << 16U | u16(at + 2);
  }

 private:
  std::span<const std::uint8_t> bytes_;
  bool little_;
};

}  // namespace

int exif_orientation(std::span<const std::uint8_t> tiff) {
  constexpr std::uint32_t kOrientation = 0x0112;
  constexpr std::uint32_t kShort = 3;
  if (tiff.size() < 14 || tiff[0] != tiff[1] || (tiff[0] != 'I' && tiff[0] != 'M')) return 1;
  const TiffReader read(tiff);
  if (read.u16(2) != 42) return 1;
  const std::size_t directory = read.u32(4);
  if (directory > tiff.size() - 2) return 1;
  const std::size_t entries = read.u16(directory);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + 12 * i;
    if (entry + 12 > tiff.size()) return 1;
    if (read.u16(entry) != kOrientation) continue;
    if (read.u16(entry + 2) != kShort) return 1;
    const std::uint32_t value = read.u16(entry + 8);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

Image oriented(Image image, int orientation) {
  if (orientation < 2 || orientation > 8) return image;
  const int w = image.width;
  const int h = image.height;
  // 5 to 8 exchange rows and columns.
  const bool transposed = orientation >= 5;
  Image out = make_image(transposed ? h : w, transposed ? w : h);
  for (int y = 0; y < out.height; ++y) {
    for (int x = 0; x < out.width; ++x) {
      int sx = transposed ? y : x;
      int sy = transposed ? x : y;
      if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8) {
        sx = w - 1 - sx;
      }
      if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7) {
        sy = h - 1 - sy;
      }
      out.set(x, y, image.at(sx, sy));
    }
  }
  return out;
}

}  // namespace cutaway::explain::codec
