#include "explain/pictures/read_image.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "explain/pictures/codec.h"
#include "explain/pictures/write_image.h"
#include "runtime/error.h"
#include "runtime/files/read_file.h"

namespace cutaway::explain {
namespace {

bool starts_with(std::span<const std::uint8_t> bytes, std::string_view prefix, std::size_t at = 0) {
  if (bytes.size() < at + prefix.size()) return false;
  return std::equal(prefix.begin(), prefix.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at),
                    [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
}

// The name of a picture format that is recognised but not read, or "".
std::string_view other_format(std::span<const std::uint8_t> bytes) {
  using namespace std::string_view_literals;
  if (starts_with(bytes, "GIF8")) return "GIF";
  if (starts_with(bytes, "8BPS")) return "Photoshop";
  if (starts_with(bytes, "\x76\x2F\x31\x01")) return "OpenEXR";
  if (starts_with(bytes, "#?RADIANCE")) return "Radiance";
  if (bytes.size() > 2 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '7' &&
      (bytes[2] == '\n' || bytes[2] == ' '))
    return "PNM";
  if (starts_with(bytes, "ftypavif", 4)) return "AVIF";
  if (starts_with(bytes, "ftyphei", 4) || starts_with(bytes, "ftypmif1", 4)) return "HEIF";
  if (starts_with(bytes, "\xFF\x0A") || starts_with(bytes, "JXL ", 4)) return "JPEG XL";
  if (starts_with(bytes, "\0\0\0\x0CjP  "sv)) return "JPEG 2000";
  return "";
}

bool looks_like_text(std::span<const std::uint8_t> bytes) {
  const auto head = bytes.first(std::min<std::size_t>(bytes.size(), 256));
  return std::all_of(head.begin(), head.end(), [](std::uint8_t b) {
    return b >= 0x20 || b == '\n' || b == '\r' || b == '\t';
  });
}

}  // namespace

void refuse_format(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) throw Error(ErrorKind::kInput, "the file is empty");
  const std::string_view other = other_format(bytes);
  if (!other.empty()) {
    throw Error(ErrorKind::kUnsupported, std::string(other) + " pictures are not read")
        .hint("convert the file to PNG or JPEG");
  }
  throw Error(ErrorKind::kInput, "not a picture")
      .expected("JPEG, PNG, WebP, TIFF or BMP data")
      .got(looks_like_text(bytes) ? "text" : "unknown data");
}

ImageFormat sniff_format(std::span<const std::uint8_t> bytes) {
  using namespace std::string_view_literals;
  if (starts_with(bytes, "\xFF\xD8\xFF")) return ImageFormat::kJpeg;
  if (starts_with(bytes, "\x89PNG\r\n\x1A\n")) return ImageFormat::kPng;
  if (starts_with(bytes, "RIFF") && starts_with(bytes, "WEBP", 8)) return ImageFormat::kWebp;
  for (const std::string_view tiff : {"II*\0"sv, "MM\0*"sv, "II+\0"sv, "MM\0+"sv}) {
    if (starts_with(bytes, tiff)) return ImageFormat::kTiff;
  }
  if (starts_with(bytes, "BM") && bytes.size() >= 26 && bytes[6] == 0 && bytes[7] == 0)
    return ImageFormat::kBmp;
  return ImageFormat::kUnknown;
}

namespace {

codec::Decoded decode(std::span<const std::uint8_t> bytes, const ReadOptions& options) {
  switch (sniff_format(bytes)) {
    case ImageFormat::kJpeg:
      return codec::decode_jpeg(bytes, options);
    case ImageFormat::kPng:
      return codec::decode_png(bytes, options);
    case ImageFormat::kWebp:
      return codec::decode_webp(bytes, options);
    case ImageFormat::kTiff:
      return codec::decode_tiff(bytes, options);
    case ImageFormat::kBmp:
      return codec::decode_bmp(bytes, options);
    case ImageFormat::kUnknown:
      break;
  }
  refuse_format(bytes);
}

}  // namespace

Image decode_image(std::span<const std::uint8_t> bytes,
                   const std::string& name,
                   const ReadOptions& options) {
  try {
    codec::Decoded decoded = decode(bytes, options);
    if (options.apply_orientation)
      decoded.image = codec::oriented(std::move(decoded.image), decoded.orientation);
    if (options.claim != nullptr) *options.claim = std::move(decoded.claim);
    return std::move(decoded.image);
  } catch (const Error& error) {
    throw error.located(name);
  }
}

Image read_image(const std::string& path, const ReadOptions& options) {
  // What is no picture is not read to its end.
  const std::vector<std::uint8_t> head = files::read_head(path, kFormatBytes);
  if (sniff_format(head) == ImageFormat::kUnknown) {
    try {
      refuse_format(files::read_head(path, 256));
    } catch (const Error& error) {
      throw error.located(path);
    }
  }
  return decode_image(files::read_file(path, kMostPictureBytes), path, options);
}

void codec::check_extents(std::int64_t width, std::int64_t height, const ReadOptions& options) {
  if (width < 1 || height < 1) throw Error(ErrorKind::kInput, "a picture without pixels");
  if (width > options.max_pixels / height) {
    throw Error(ErrorKind::kMemory, "the picture is too large")
        .expected("at most " + std::to_string(options.max_pixels) + " pixels")
        .got(std::to_string(width) + "x" + std::to_string(height));
  }
}

int codec::reduction(std::int64_t width,
                     std::int64_t height,
                     std::int64_t fixed,
                     std::int64_t each,
                     const ReadOptions& options) {
  const std::int64_t side = std::min(width, height);
  for (int factor = 1; factor <= 8; factor *= 2) {
    if (factor > 1 && (options.enough < 1 || side / factor < options.enough)) return 1;
    const std::int64_t left =
        ((width + factor - 1) / factor) * ((height + factor - 1) / factor) * each;
    if (options.memory->holds(fixed + left)) return factor;
  }
  return 1;
}

void codec::without_alpha(const std::uint8_t* rgba,
                          std::size_t pixels,
                          Alpha alpha,
                          std::uint8_t* rgb) {
  for (std::size_t i = 0; i < pixels; ++i) {
    const unsigned a = alpha == Alpha::kDrop ? 255U : rgba[4 * i + 3];
    for (std::size_t k = 0; k < 3; ++k) {
      const unsigned v = a * rgba[4 * i + k] + (255U - a) * 255U;
      rgb[3 * i + k] = static_cast<std::uint8_t>((v + 127U) / 255U);
    }
  }
}

void write_image(const std::string& path, const Image& image) {
  const std::size_t dot = path.find_last_of("./");
  std::string extension = dot == std::string::npos || path[dot] == '/' ? "" : path.substr(dot);
  std::transform(extension.begin(), extension.end(), extension.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (extension == ".png") return write_png(path, image);
  if (extension == ".jpg" || extension == ".jpeg") return write_jpeg(path, image);
  throw Error(ErrorKind::kUsage, "cannot tell the picture format from the file name")
      .at(path)
      .expected(".png, .jpg or .jpeg");
}

}  // namespace cutaway::explain
