#include <doctest/doctest.h>
#include <png.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "explain/pictures/read_image.h"
#include "explain/pictures/write_image.h"
#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "runtime/files/read_file.h"
#include "tests/tools/image_test_support.h"

using namespace cutaway;
using namespace cutaway::explain;
using namespace cutaway::explain::test;
using explain::Rgb;

namespace {

using Bytes = std::vector<std::uint8_t>;

Image smooth(int width, int height) {
  Image image = explain::make_image(width, height);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      image.set(x, y, {static_cast<std::uint8_t>(2 * x), static_cast<std::uint8_t>(3 * y), 90});
    }
  }
  return image;
}

struct RawPng {
  int width, height, depth, color;
  bool interlaced{false};
  Bytes trns{};     // alpha of palette entries
  Bytes palette{};  // RGB
};

void append_bytes(png_structp png, png_bytep bytes, std::size_t n) {
  auto* out = static_cast<Bytes*>(png_get_io_ptr(png));
  out->insert(out->end(), bytes, bytes + n);
}

/// Writes rows as they are; packed rows of `row` bytes.
Bytes raw_png(const RawPng& spec, const Bytes& pixels, std::size_t row) {
  Bytes out;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(png, &out, append_bytes, nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(spec.width),
               static_cast<png_uint_32>(spec.height), spec.depth, spec.color,
               spec.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (!spec.palette.empty()) {
    std::vector<png_color> colors;
    for (std::size_t i = 0; i < spec.palette.size(); i += 3) {
      colors.push_back({spec.palette[i], spec.palette[i + 1], spec.palette[i + 2]});
    }
    png_set_PLTE(png, info, colors.data(), static_cast<int>(colors.size()));
  }
  if (!spec.trns.empty()) {
    png_set_tRNS(png, info, spec.trns.data(), static_cast<int>(spec.trns.size()), nullptr);
  }
  png_write_info(png, info);
  std::vector<png_bytep> rows;
  for (int y = 0; y < spec.height; ++y) {
    rows.push_back(const_cast<png_bytep>(pixels.data()) + static_cast<std::size_t>(y) * row);
  }
  png_write_image(png, rows.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return out;
}

Bytes from_base64(const std::string& text) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  Bytes out;
  std::uint32_t word = 0;
  int bits = 0;
  for (const char c : text) {
    if (c == '=') break;
    word = word << 6U | static_cast<std::uint32_t>(digits.find(c));
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out.push_back(static_cast<std::uint8_t>(word >> static_cast<unsigned>(bits)));
    }
  }
  return out;
}

// Pillow 13: 8x8 pixels of CMYK (200, 30, 90, 40), quality 95. Its convert("RGB") gives (46, 190,
// 139).
constexpr const char* kCmykJpeg =
    "/9j/7gAOQWRvYmUAZAAAAAAA/"
    "9sAQwACAQEBAQECAQEBAgICAgIEAwICAgIFBAQDBAYFBgYGBQYGBgcJCAYHCQcGBggLCAkK"
    "CgoKCgYICwwLCgwJCgoK/8AAFAgACAAIBEMRAE0RAFkRAEsRAP/EAB8AAAEFAQEBAQEBAAAAAAAAAAABAgMEBQYHCAkKC/"
    "/E"
    "ALUQAAIBAwMCBAMFBQQEAAABfQECAwAEEQUSITFBBhNRYQcicRQygZGhCCNCscEVUtHwJDNicoIJChYXGBkaJSYnKCkqND"
    "U2"
    "Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6g4SFhoeIiYqSk5SVlpeYmZqio6Slpqeoqaqys7S1tre4ub"
    "rC"
    "w8TFxsfIycrS09TV1tfY2drh4uPk5ebn6Onq8fLz9PX29/j5+v/aAA4EQwBNAFkASwAAPwD826/YSvpSv1cr/9k=";

// A JPEG with an EXIF segment that holds nothing but the orientation.
Bytes with_orientation(const Bytes& jpeg, std::uint8_t orientation) {
  const Bytes exif{0xFF, 0xE1, 0, 34, 'E', 'x',         'i', 'f', 0,    0,    'M', 'M',
                   0,    42,   0, 0,  0,   8,           0,   1,   0x01, 0x12, 0,   3,
                   0,    0,    0, 1,  0,   orientation, 0,   0,   0,    0,    0,   0};
  Bytes out(jpeg.begin(), jpeg.begin() + 2);
  out.insert(out.end(), exif.begin(), exif.end());
  out.insert(out.end(), jpeg.begin() + 2, jpeg.end());
  return out;
}

}  // namespace

TEST_CASE("PNG keeps every byte, at every level") {
  const Folder folder;
  const Image image = noise(37, 23);
  for (const int level : {0, 1, 6, 9}) {
    write_png(folder / "x.png", image, {level});
    CHECK(read_image(folder / "x.png") == image);
  }
  CHECK(folder.files() == 1);
  CHECK(error_of([&] { (void)encode_png(image, {10}); }).kind() == ErrorKind::kUsage);
  CHECK(encode_png(image) == encode_png(image));
}

TEST_CASE("JPEG comes back close, and closest with full chroma") {
  const Image image = smooth(64, 48);
  const Image back = decode_image(encode_jpeg(image, {90, true}), "x");
  REQUIRE(back.rgb.size() == image.rgb.size());
  int worst = 0;
  for (std::size_t i = 0; i < back.rgb.size(); ++i) {
    worst = std::max(worst, std::abs(back.rgb[i] - image.rgb[i]));
  }
  CHECK(worst <= 8);  // a ramp at quality 90 loses a few levels at most
  CHECK(encode_jpeg(image, {90, true}).size() > encode_jpeg(image, {30, true}).size());
  CHECK(error_of([&] { (void)encode_jpeg(image, {0}); }).kind() == ErrorKind::kUsage);
  const Image wide{70000, 1, Bytes(3 * 70000)};
  CHECK(error_of([&] { (void)encode_jpeg(wide); }).kind() == ErrorKind::kShape);
}

TEST_CASE("the format is found in the content, not in the name") {
  const Folder folder;
  const Image image = noise(5, 4);
  write_png(folder / "really-a-png.jpg", image);
  CHECK(read_image(folder / "really-a-png.jpg") == image);
  CHECK(sniff_format(encode_jpeg(image)) == ImageFormat::kJpeg);
  CHECK(sniff_format(encode_png(image)) == ImageFormat::kPng);
  CHECK(sniff_format(Bytes{}) == ImageFormat::kUnknown);
  write_image(folder / "a.PNG", image);
  write_image(folder / "a.jpeg", image);
  CHECK(sniff_format(files::read_file(folder / "a.PNG")) == ImageFormat::kPng);
  CHECK(sniff_format(files::read_file(folder / "a.jpeg")) == ImageFormat::kJpeg);
  CHECK(error_of([&] { write_image(folder / "a.gif", image); }).kind() == ErrorKind::kUsage);
}

TEST_CASE("what is no picture gives one line that names the file") {
  const Folder folder;
  const auto refused = [&](const std::string& name, const std::string& content, ErrorKind kind) {
    const std::string path = folder / name;
    put(path, content);
    const Error error = error_of([&] { (void)read_image(path); });
    CAPTURE(std::string(error.what()));
    CHECK(error.kind() == kind);
    CHECK(contains(error.what(), path));
    CHECK_FALSE(contains(error.what(), "\n"));
    return std::string(error.what());
  };
  CHECK(contains(refused("zero.jpg", "", ErrorKind::kInput), "empty"));
  CHECK(contains(refused("text.jpg", "<!DOCTYPE html>\n<p>404</p>", ErrorKind::kInput), "text"));
  refused("garbage.png", std::string("\x01\x02\x00\x7F\xFE", 5), ErrorKind::kInput);
  refused("head.jpg", "\xFF\xD8\xFF", ErrorKind::kInput);
  refused("head.png", "\x89PNG\r\n\x1A\n", ErrorKind::kInput);
  refused("anim.gif", "GIF89a.......", ErrorKind::kUnsupported);
  CHECK(error_of([&] { (void)read_image(folder / "absent.png"); }).kind() == ErrorKind::kInput);
  CHECK(error_of([&] { (void)read_image(folder.str()); }).kind() == ErrorKind::kInput);
  CHECK(error_of([] { (void)read_image("/dev/zero"); }).kind() == ErrorKind::kInput);
}

TEST_CASE("truncated files are errors at every length") {
  const Image image = noise(24, 17);
  for (const Bytes& whole : {encode_jpeg(image), encode_png(image)}) {
    for (std::size_t n = 4; n < whole.size(); n += 1 + n / 16) {
      CAPTURE(n);
      const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
      CHECK(error_of([&] { (void)decode_image(part, "cut.jpg"); }).kind() == ErrorKind::kInput);
    }
  }
}

TEST_CASE("damaged bytes never crash") {
  const Image image = noise(24, 17);
  std::uint32_t state = 7;
  const auto next = [&state] { return state = state * 1664525U + 1013904223U; };
  int decoded = 0;
  for (const Bytes& whole : {encode_jpeg(image), encode_png(image)}) {
    for (int trial = 0; trial < 400; ++trial) {
      Bytes bad = whole;
      for (int k = 0; k < 3; ++k)
        bad[(next() >> 8U) % bad.size()] = static_cast<std::uint8_t>(next() >> 24U);
      try {
        ReadOptions options;
        options.max_pixels = 1 << 20;
        explain::validate(decode_image(bad, "bad", options), "bad");
        ++decoded;  // the damage may be invisible to the format
      } catch (const Error&) {
      }
    }
  }
  CHECK(decoded < 800);
}

TEST_CASE("huge extents are refused before memory is taken") {
  ReadOptions options;
  options.max_pixels = 100;
  CHECK(error_of([&] { (void)decode_image(encode_png(noise(11, 10)), "x", options); }).kind() ==
        ErrorKind::kMemory);
  CHECK(error_of([&] { (void)decode_image(encode_jpeg(noise(11, 10)), "x", options); }).kind() ==
        ErrorKind::kMemory);
  CHECK_NOTHROW((void)decode_image(encode_png(noise(10, 10)), "x", options));
  // A JPEG header that lies: 16000 x 16000 pixels in some hundred bytes.
  Bytes jpeg = encode_jpeg(noise(8, 8));
  for (std::size_t i = 0; i + 9 < jpeg.size(); ++i) {
    if (jpeg[i] == 0xFF && jpeg[i + 1] == 0xC0) {
      jpeg[i + 5] = jpeg[i + 7] = 0x3E;
      jpeg[i + 6] = jpeg[i + 8] = 0x80;
      break;
    }
  }
  const Error error = error_of([&] { (void)decode_image(jpeg, "bomb.jpg"); });
  CHECK(error.kind() == ErrorKind::kInput);
  CHECK(contains(error.what(), "promises"));
}

TEST_CASE("CMYK JPEG is converted as Pillow does") {
  const Image image = decode_image(from_base64(kCmykJpeg), "cmyk.jpg");
  CHECK(image == explain::make_image(8, 8, {46, 190, 139}));
}

TEST_CASE("PNG of every kind becomes 8-bit RGB") {
  SUBCASE("grey of 1 bit") {
    const Image image = decode_image(raw_png({8, 1, 1, PNG_COLOR_TYPE_GRAY}, {0xA0}, 1), "x");
    CHECK(image.at(0, 0) == Rgb{255, 255, 255});
    CHECK(image.at(1, 0) == Rgb{0, 0, 0});
    CHECK(image.at(2, 0) == Rgb{255, 255, 255});
  }
  SUBCASE("grey of 16 bits is scaled with rounding") {
    const Bytes pixels{0x00, 0x80, 0xFF, 0xFF, 0x80, 0x00};  // 128, 65535, 32768
    const Image image = decode_image(raw_png({3, 1, 16, PNG_COLOR_TYPE_GRAY}, pixels, 6), "x");
    CHECK(image.at(0, 0) == Rgb{0, 0, 0});
    CHECK(image.at(1, 0) == Rgb{255, 255, 255});
    CHECK(image.at(2, 0) == Rgb{128, 128, 128});
  }
  SUBCASE("palette with transparency") {
    const RawPng spec{2, 1, 8, PNG_COLOR_TYPE_PALETTE, false, {0, 255}, {10, 20, 30, 40, 50, 60}};
    const Bytes png = raw_png(spec, {0, 1}, 2);
    CHECK(decode_image(png, "x").at(0, 0) == Rgb{10, 20, 30});
    ReadOptions white;
    white.alpha = Alpha::kOverWhite;
    CHECK(decode_image(png, "x", white).at(0, 0) == Rgb{255, 255, 255});
    CHECK(decode_image(png, "x", white).at(1, 0) == Rgb{40, 50, 60});
  }
  SUBCASE("alpha is dropped or laid over white") {
    const Bytes png = raw_png({1, 1, 8, PNG_COLOR_TYPE_RGBA}, {100, 0, 255, 51}, 4);
    CHECK(decode_image(png, "x").at(0, 0) == Rgb{100, 0, 255});
    ReadOptions white;
    white.alpha = Alpha::kOverWhite;
    CHECK(decode_image(png, "x", white).at(0, 0) == Rgb{224, 204, 255});
  }
  SUBCASE("grey with alpha") {
    const Bytes png = raw_png({1, 1, 8, PNG_COLOR_TYPE_GA}, {77, 5}, 2);
    CHECK(decode_image(png, "x").at(0, 0) == Rgb{77, 77, 77});
  }
  SUBCASE("interlaced") {
    const Image image = noise(13, 9);
    CHECK(decode_image(raw_png({13, 9, 8, PNG_COLOR_TYPE_RGB, true}, image.rgb, 39), "x") == image);
  }
}

TEST_CASE("EXIF orientation is applied, or not") {
  // 16 x 8: the left half dark, the right half light, and the upper left block red.
  Image image = explain::make_image(16, 16, {40, 40, 40});
  explain::fill(image, {8, 0, 8, 16}, {220, 220, 220});
  explain::fill(image, {0, 0, 8, 8}, {230, 20, 20});
  image = explain::crop(image, {0, 0, 16, 16});
  const Image wide = [&] {
    Image w = explain::make_image(24, 16, {120, 120, 120});
    explain::paste(w, image, 0, 0);
    return w;
  }();
  const Bytes jpeg = encode_jpeg(wide, {100, true});
  ReadOptions plain;
  plain.apply_orientation = false;
  // Where the red corner ends up, for orientations 1 to 8.
  const std::array<std::array<bool, 2>, 8> right_bottom{{{false, false},
                                                         {true, false},
                                                         {true, true},
                                                         {false, true},
                                                         {false, false},
                                                         {true, false},
                                                         {true, true},
                                                         {false, true}}};
  for (std::uint8_t o = 1; o <= 8; ++o) {
    CAPTURE(static_cast<int>(o));
    const Bytes turned = with_orientation(jpeg, o);
    CHECK(decode_image(turned, "x", plain) == decode_image(jpeg, "x"));
    const Image shown = decode_image(turned, "x");
    CHECK(shown.width == (o >= 5 ? 16 : 24));
    const Rgb corner = shown.at(right_bottom[o - 1U][0] ? shown.width - 3 : 2,
                                right_bottom[o - 1U][1] ? shown.height - 3 : 2);
    CHECK((corner.r > 200 && corner.g < 60));
  }
  CHECK(decode_image(with_orientation(jpeg, 77), "x") == decode_image(jpeg, "x"));
}

TEST_CASE("a failed write leaves nothing behind and keeps the old file") {
  const Folder folder;
  const std::string path = folder / "out/x.png";
  const Error error = error_of([&] { write_png(path, noise(3, 3)); });
  CHECK(error.kind() == ErrorKind::kUsage);
  CHECK(contains(error.what(), path));
  CHECK(folder.files() == 0);
  fs::create_directories(path);  // a folder stands where the file should go
  CHECK(error_of([&] { write_png(path, noise(3, 3)); }).kind() == ErrorKind::kUsage);
  CHECK(folder.files() == 2);
  files::write_file_atomically(folder / "t", std::string_view("old"));
  files::write_file_atomically(folder / "t", std::string_view("new"));
  CHECK(files::read_file(folder / "t") == Bytes{'n', 'e', 'w'});
  CHECK(error_of([&] { (void)files::read_file(folder / "t", 2); }).kind() == ErrorKind::kInput);
}
