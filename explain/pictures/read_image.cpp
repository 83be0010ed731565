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
  if (starts_with(bytes, "RIFF") && starts_with(bytes, "WEBP", 8)) return "WebP";
  if (starts_with(bytes, "II*\0"sv) || starts_with(bytes, "MM\0*"sv)) return "TIFF";
  if (starts_with(bytes, "ftypavif", 4)) return "AVIF";
  if (starts_with(bytes, "ftyphei", 4) || starts_with(bytes, "ftypmif1", 4)) return "HEIF";
  if (starts_with(bytes, "\xFF\x0A") || starts_with(bytes, "JXL ", 4)) return "JPEG XL";
  if (starts_with(bytes, "\0\0\0\x0CjP  "sv)) return "JPEG 2000";
  if (starts_with(bytes, "BM") && bytes.size() >= 26 && bytes[6] == 0 && bytes[7] == 0)
    return "BMP";
  return "";
}

bool looks_like_text(std::span<const std::uint8_t> bytes) {
  const auto head = bytes.first(std::min<std::size_t>(bytes.size(), 256));
  return std::all_of(head.begin(), head.end(), [](std::uint8_t b) {
    return b >= 0x20 || b == '\n' || b == '\r' || b == '\t';
  });
}

[[noreturn]] void refuse(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) throw Error(ErrorKind::kInput, "the file is empty");
  const std::string_view other = other_format(bytes);
  if (!other.empty()) {
    throw Error(ErrorKind::kUnsupported, std::string(other) + " pictures are not read")
        .hint("convert the file to PNG or JPEG");
  }
  throw Error(ErrorKind::kInput, "not a picture")
      .expected("JPEG or PNG data")
      .got(looks_like_text(bytes) ? "text" : "unknown data");
}

}  // namespace

ImageFormat sniff_format(std::span<const std::uint8_t> bytes) {
  if (starts_with(bytes, "\xFF\xD8\xFF")) return ImageFormat::kJpeg;
  if (starts_with(bytes, "\x89PNG\r\n\x1A\n")) return ImageFormat::kPng;
  return ImageFormat::kUnknown;
}

Image decode_image(std::span<const std::uint8_t> bytes,
                   const std::string& name,
                   const ReadOptions& options) {
  try {
    const ImageFormat format = sniff_format(bytes);
    if (format == ImageFormat::kUnknown) refuse(bytes);
    codec::Decoded decoded = format == ImageFormat::kJpeg ? codec::decode_jpeg(bytes, options)
                                                          : codec::decode_png(bytes, options);
    if (!options.apply_orientation) return std::move(decoded.image);
    return codec::oriented(std::move(decoded.image), decoded.orientation);
  } catch (const Error& error) {
    throw error.located(name);
  }
}

Image read_image(const std::string& path, const ReadOptions& options) {
  return decode_image(files::read_file(path), path, options);
}

void codec::check_extents(std::int64_t width, std::int64_t height, const ReadOptions& options) {
  if (width < 1 || height < 1) throw Error(ErrorKind::kInput, "a picture without pixels");
  if (width > options.max_pixels / height) {
    throw Error(ErrorKind::kMemory, "the picture is too large")
        .expected("at most " + std::to_string(options.max_pixels) + " pixels")
        .got(std::to_string(width) + "x" + std::to_string(height));
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
