#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "explain/pictures/image.h"
#include "explain/pictures/picture_memory.h"
#include "runtime/error.h"

namespace cutaway::explain {

/// Whether an error of that kind, thrown while one picture was read and prepared, ends that picture
/// only: whatever is wrong with its file or its size.
[[nodiscard]] constexpr bool concerns_picture(ErrorKind kind) noexcept {
  return kind == ErrorKind::kInput || kind == ErrorKind::kShape ||
         kind == ErrorKind::kUnsupported || kind == ErrorKind::kMemory;
}

enum class ImageFormat : std::uint8_t { kUnknown, kJpeg, kPng, kWebp, kTiff, kBmp };

/// What becomes of an alpha channel.
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
  /// A progressive JPEG may ask for any number of passes over all its coefficients, a few bytes each;
  /// real ones have about ten. Pixels times passes are bounded, beyond 16 passes, and so are passes
  /// (100): work and not time, so that a picture that is read on one machine is read on all. 2^31
  /// take about two seconds.
  std::int64_t max_scanned{std::int64_t{1} << 31U};
  /// JPEGs and PNGs that do not fit `memory` are shrunk 2, 4 or 8 times while they are decoded, as
  /// long as both sides keep this many pixels; 0: they are refused.
  int enough{0};
  /// Whose memory decoding takes.
  PictureMemory* memory{&PictureMemory::of_process()};
  /// Where the claim on that memory goes, for who works on with the picture; null: it ends with the
  /// call.
  PictureMemory::Claim* claim{};
};

/// Files beyond this are refused unread.
inline constexpr std::uint64_t kMostPictureBytes = std::uint64_t{256} << 20U;
/// So many bytes from the start tell the format.
inline constexpr std::size_t kFormatBytes = 32;

/// By the first bytes, never by the name.
[[nodiscard]] ImageFormat sniff_format(std::span<const std::uint8_t> bytes);
/// Throws, for bytes that sniff_format does not know, what decode_image throws.
[[noreturn]] void refuse_format(std::span<const std::uint8_t> bytes);

/// Decodes a JPEG, PNG, WebP, TIFF or BMP to 8-bit RGB.
/// JPEG: libjpeg's accurate DCT and smooth chroma upsampling, the same bytes as Pillow; grey gives
/// three equal channels; CMYK and YCCK are taken as Adobe's (inverted) and converted as Pillow
/// does. PNG: palette, grey, 1 to 16 bits (16 are scaled to 8 with rounding), interlaced, tRNS.
/// WebP: lossy and lossless, no animations. TIFF: the first picture of the file, whatever libtiff
/// turns into 8 bits a channel. BMP: 1 to 32 bits, not compressed.
/// Colour profiles and gamma are ignored, as everywhere in the field.
/// Throws, with `name` in front: kInput for anything damaged (truncated data included) or no
/// picture at all; kUnsupported for other picture formats; kMemory beyond max_pixels and `memory`.
[[nodiscard]] Image decode_image(std::span<const std::uint8_t> bytes,
                                 const std::string& name,
                                 const ReadOptions& options = {});

/// decode_image of a file's bytes. Also throws kInput when the file cannot be read.
[[nodiscard]] Image read_image(const std::string& path, const ReadOptions& options = {});

}  // namespace cutaway::explain
