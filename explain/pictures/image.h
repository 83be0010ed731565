#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace cutaway::explain {

/// One colour, 8 bits a channel.
struct Rgb {
  std::uint8_t r{0}, g{0}, b{0};
  friend constexpr bool operator==(const Rgb&, const Rgb&) = default;
};

/// A picture in memory: rows from top to bottom, pixels from left to right, bytes R, G, B.
/// Invariant: rgb.size() = 3 * width * height. Pixel (x, y) starts at 3 * (y * width + x).
struct Image {
  int width{0}, height{0};
  std::vector<std::uint8_t> rgb;

  [[nodiscard]] bool empty() const noexcept { return rgb.empty(); }
  [[nodiscard]] std::size_t offset(int x, int y) const noexcept {
    return 3 * (static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                static_cast<std::size_t>(x));
  }
  [[nodiscard]] Rgb at(int x, int y) const noexcept {
    const std::uint8_t* p = rgb.data() + offset(x, y);
    return {p[0], p[1], p[2]};
  }
  void set(int x, int y, Rgb colour) noexcept {
    std::uint8_t* p = rgb.data() + offset(x, y);
    p[0] = colour.r;
    p[1] = colour.g;
    p[2] = colour.b;
  }
  friend bool operator==(const Image&, const Image&) = default;
};

/// A borrowed map of numbers: height x width float32, row-major, no gaps.
struct Map {
  std::span<const float> values;
  int height{0}, width{0};

  [[nodiscard]] float at(int y, int x) const noexcept {
    return values[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                  static_cast<std::size_t>(x)];
  }
};

/// A rectangle of pixels: columns [x, x + width), rows [y, y + height).
struct Rect {
  int x{0}, y{0}, width{0}, height{0};
  friend constexpr bool operator==(const Rect&, const Rect&) = default;
};

/// A width x height picture of one colour. Throws kShape unless both extents are at least 1.
[[nodiscard]] Image make_image(int width, int height, Rgb fill = {});

/// Throws kShape, naming `what`, unless the invariant of Image holds and it is not empty.
void validate(const Image& image, const char* what);
/// Throws kShape, naming `what`, unless the extents are at least 1 and match the number of values.
void validate(const Map& map, const char* what);

/// Copies `source` into `target` with its top left corner at (x, y); what falls outside is dropped.
void paste(Image& target, const Image& source, int x, int y);
/// Fills a rectangle; what falls outside is dropped.
void fill(Image& target, const Rect& where, Rgb colour);
/// The pixels of `where`. Throws kShape when it does not lie inside the picture.
[[nodiscard]] Image crop(const Image& image, const Rect& where);
/// Every pixel as a factor x factor square (nearest neighbour). Throws kShape unless factor >= 1.
[[nodiscard]] Image magnify(const Image& image, int factor);
/// Luminance in all three channels: (19595 R + 38470 G + 7471 B + 32768) >> 16 (ITU-R 601-2, as
/// Pillow).
[[nodiscard]] Image to_gray(const Image& image);

}  // namespace cutaway::explain
