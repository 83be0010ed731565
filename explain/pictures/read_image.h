#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "explain/pictures/image.h"

namespace cutaway::explain {

enum class ImageFormat : std::uint8_t { kUnknown, kJpeg, kPng };

/// What becomes of an alpha channel (PNG).
enum class Alpha : std::uint8_t {
  kDrop,      ///< the colours as stored, as Pillow's convert("RGB")
  kOverWhite  ///< round((a c + (255 - a) 255) / 255)
};

struct ReadOptions {
  /// Turn the picture as its EXIF orientation says, as every viewer does. Pillow's
  /// `Image.open(f).convert("RGB")` does not: switch this off to repeat numbers made that way.
  bool apply_orientation{true};
  Alpha alpha{Alpha::kDrop};
  /// Pictures with more pixels are refused before they are decoded (decompression bombs).
  std::int64_t max_pixels{std::int64_t{1} << 28U};
};

/// By the first bytes, never by the name.
[[nodiscard]] ImageFormat sniff_format(std::span<const std::uint8_t> bytes);

/// Decodes a JPEG or PNG to 8-bit RGB.
/// JPEG: libjpeg's accurate DCT and smooth chroma upsampling, the same bytes as Pillow; grey gives
/// three equal channels; CMYK and YCCK are taken as Adobe's (inverted) and converted as Pillow
/// does. PNG: palette, grey, 1 to 16 bits (16 are scaled to 8 with rounding), interlaced, tRNS.
/// Colour profiles and gamma are ignored, as everywhere in the field.
/// Throws, with `name` in front: kInput for anything damaged (truncated data included) or no
/// picture at all; kUnsupported for other picture formats; kMemory beyond max_pixels.
[[nodiscard]] Image decode_image(std::span<const std::uint8_t> bytes,
                                 const std::string& name,
                                 const ReadOptions& options = {});

/// decode_image of a file's bytes. Also throws kInput when the file cannot be read.
[[nodiscard]] Image read_image(const std::string& path, const ReadOptions& options = {});

}  // namespace cutaway::explain
