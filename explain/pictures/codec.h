#pragma once

#include <cstdint>
#include <span>

#include "explain/pictures/image.h"
#include "explain/pictures/read_image.h"

// What read_image.cpp shares with the codecs; not for other callers.
namespace cutaway::explain::codec {

/// A decoded picture, not yet turned, and the EXIF orientation found (1 when there is none).
struct Decoded {
  Image image;
  int orientation{1};
  PictureMemory::Claim claim{};  ///< on what decoding took
};

/// Throw cutaway::Error without a place; read_image.cpp adds the file's name.
[[nodiscard]] Decoded decode_jpeg(std::span<const std::uint8_t> bytes, const ReadOptions& options);
[[nodiscard]] Decoded decode_png(std::span<const std::uint8_t> bytes, const ReadOptions& options);
[[nodiscard]] Decoded decode_webp(std::span<const std::uint8_t> bytes, const ReadOptions& options);
[[nodiscard]] Decoded decode_tiff(std::span<const std::uint8_t> bytes, const ReadOptions& options);
[[nodiscard]] Decoded decode_bmp(std::span<const std::uint8_t> bytes, const ReadOptions& options);

/// Throws kMemory when width x height exceeds the limit of `options`, kInput when either is
/// below 1.
void check_extents(std::int64_t width, std::int64_t height, const ReadOptions& options);

/// By what factor (1, 2, 4 or 8) to shrink while decoding, so that `fixed` bytes and `each` bytes a
/// pixel of what is left fit the memory of `options`: 1 where that is so without shrinking, and
/// where shrinking would go below what is wanted; claiming the memory then fails.
[[nodiscard]] int reduction(std::int64_t width,
                            std::int64_t height,
                            std::int64_t fixed,
                            std::int64_t each,
                            const ReadOptions& options);

/// RGBA to RGB as `alpha` says. `rgb` may begin where `rgba` does.
void without_alpha(const std::uint8_t* rgba, std::size_t pixels, Alpha alpha, std::uint8_t* rgb);

/// The orientation tag (0x0112) of a TIFF structure as EXIF carries it; 1 when absent or damaged.
[[nodiscard]] int exif_orientation(std::span<const std::uint8_t> tiff);

/// The picture turned and mirrored as orientation 1..8 says; other values change nothing.
[[nodiscard]] Image oriented(Image image, int orientation);

}  // namespace cutaway::explain::codec
