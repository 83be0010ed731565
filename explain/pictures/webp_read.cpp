#include <webp/decode.h>

#include <algorithm>
#include <string_view>

#include "explain/pictures/codec.h"
#include "runtime/error.h"

namespace cutaway::explain::codec {
namespace {

[[noreturn]] void fail(const char* why) {
  throw Error(ErrorKind::kInput, "damaged or truncated WebP").got(why);
}

std::uint32_t little_endian(std::span<const std::uint8_t> bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;) value = value << 8U | bytes[at + i];
  return value;
}

// Chunks of RIFF: a name, a size, and as many bytes, filled up to an even number.
int orientation_of(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kExif = "EXIF";
  for (std::size_t at = 12; at + 8 <= bytes.size();) {
    const std::uint64_t size = little_endian(bytes, at + 4);
    if (size > bytes.size() - at - 8) return 1;
    const auto chunk = bytes.subspan(at + 8, size);
    if (std::equal(kExif.begin(), kExif.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at))) {
      constexpr std::string_view kMark("Exif\0\0", 6);  // some writers keep JPEG's
      const bool marked =
          chunk.size() > kMark.size() && std::equal(kMark.begin(), kMark.end(), chunk.begin());
      return exif_orientation(marked ? chunk.subspan(kMark.size()) : chunk);
    }
    at += 8 + size + size % 2;
  }
  return 1;
}

}  // namespace

Decoded decode_webp(std::span<const std::uint8_t> bytes, const ReadOptions& options) {
  WebPBitstreamFeatures features{};
  if (WebPGetFeatures(bytes.data(), bytes.size(), &features) != VP8_STATUS_OK)
    fail("no header of a picture");
  if (features.has_animation != 0)
    throw Error(ErrorKind::kUnsupported, "animated WebP pictures are not read")
        .hint("convert the frame to PNG or JPEG");
  check_extents(features.width, features.height, options);
  const auto pixels = static_cast<std::int64_t>(features.width) * features.height;
  // libwebp holds lossless pictures as 32 bits a pixel, and what it makes of the alpha of others.
  const bool rgba = features.has_alpha != 0 && options.alpha == Alpha::kOverWhite;
  const std::int64_t channels = rgba ? 4 : 3;
  Decoded out;
  out.claim = options.memory->take(pixels * (channels + 4));
  out.image.width = features.width;
  out.image.height = features.height;
  std::vector<std::uint8_t>& rgb = out.image.rgb;
  rgb.resize(static_cast<std::size_t>(pixels * channels));
  const int stride = static_cast<int>(channels) * features.width;
  const std::uint8_t* done =
      rgba ? WebPDecodeRGBAInto(bytes.data(), bytes.size(), rgb.data(), rgb.size(), stride)
           : WebPDecodeRGBInto(bytes.data(), bytes.size(), rgb.data(), rgb.size(), stride);
  if (done == nullptr) fail("pixels that cannot be decoded");
  if (rgba) {
    without_alpha(rgb.data(), static_cast<std::size_t>(pixels), options.alpha, rgb.data());
    rgb.resize(3 * static_cast<std::size_t>(pixels));
  }
  out.orientation = orientation_of(bytes);
  return out;
}

}  // namespace cutaway::explain::codec
