// Windows bitmaps (BITMAPCOREHEADER, BITMAPINFOHEADER, BITMAPV4HEADER, BITMAPV5HEADER).
#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <vector>

#include "explain/pictures/codec.h"
#include "runtime/error.h"

namespace cutaway::explain::codec {
namespace {

constexpr std::size_t kFileHeader = 14;
constexpr std::uint32_t kCoreHeader = 12, kInfoHeader = 40;
enum Compression : std::uint32_t { kNone = 0, kRle8 = 1, kRle4 = 2, kBitFields = 3, kAlpha = 6 };

class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  [[nodiscard]] std::uint32_t number(std::size_t at, std::size_t size) const {
    if (at > bytes_.size() || size > bytes_.size() - at) fail("the file ends early");
    std::uint32_t value = 0;
    for (std::size_t i = size; i-- > 0;) value = value << 8U | bytes_[at + i];
    return value;
  }
  [[nodiscard]] std::span<const std::uint8_t> part(std::size_t at, std::size_t size) const {
    if (at > bytes_.size() || size > bytes_.size() - at) fail("the file ends early");
    return bytes_.subspan(at, size);
  }
  [[noreturn]] static void fail(const char* why) {
    throw Error(ErrorKind::kInput, "damaged or truncated BMP").got(why);
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

struct Header {
  std::size_t pixels_at{0}, palette_at{0}, palette_entry{4}, palette_count{0};
  std::int64_t width{0}, height{0};  // height below 0: from top to bottom
  unsigned bits{0};
  std::array<std::uint32_t, 3> mask{};  // red, green, blue
};

std::array<std::uint32_t, 3> masks_of(const Reader& in, unsigned bits, std::uint32_t compression) {
  // Behind the 40 bytes that all headers but the oldest begin with, in it or after it.
  if (compression != kNone) {
    const std::size_t at = kFileHeader + kInfoHeader;
    return {in.number(at, 4), in.number(at + 4, 4), in.number(at + 8, 4)};
  }
  if (bits == 16) return {0x7C00, 0x03E0, 0x001F};
  return {0xFF0000, 0x00FF00, 0x0000FF};
}

Header read_header(const Reader& in) {
  Header h;
  h.pixels_at = in.number(10, 4);
  const std::uint32_t size = in.number(14, 4);
  std::uint32_t compression = kNone;
  if (size == kCoreHeader) {
    h.width = in.number(18, 2);
    h.height = in.number(20, 2);
    h.bits = in.number(24, 2);
    h.palette_entry = 3;
  } else if (size >= kInfoHeader && size <= 1024) {
    h.width = static_cast<std::int32_t>(in.number(18, 4));
    h.height = static_cast<std::int32_t>(in.number(22, 4));
    h.bits = in.number(28, 2);
    compression = in.number(30, 4);
    h.palette_count = in.number(46, 4);
  } else {
    Reader::fail("an unknown header");
  }
  h.palette_at = kFileHeader + size;
  if (compression == kRle8 || compression == kRle4)
    throw Error(ErrorKind::kUnsupported, "compressed BMP pictures are not read")
        .hint("convert the file to PNG");
  const bool fields = compression == kBitFields || compression == kAlpha;
  constexpr std::array<unsigned, 6> kBits{1, 4, 8, 16, 24, 32};
  if (std::find(kBits.begin(), kBits.end(), h.bits) == kBits.end() ||
      (compression != kNone && !(fields && (h.bits == 16 || h.bits == 32))))
    Reader::fail("an unknown kind of pixels");
  if (h.bits <= 8) {
    const std::size_t most = std::size_t{1} << h.bits;
    if (h.palette_count == 0) h.palette_count = most;
    if (h.palette_count > most) Reader::fail("a palette that is too long");
  } else {
    h.mask = masks_of(in, h.bits, compression);
  }
  return h;
}

/// The bits of `mask` as 0 to 255.
std::uint8_t channel(std::uint32_t pixel, std::uint32_t mask) {
  if (mask == 0) return 0;
  const int shift = std::countr_zero(mask);
  const std::uint64_t most = mask >> shift;
  return static_cast<std::uint8_t>(((pixel & mask) >> shift) * std::uint64_t{255} / most);
}

void read_row(std::span<const std::uint8_t> row,
              const Header& h,
              const std::vector<Rgb>& palette,
              std::uint8_t* rgb) {
  for (std::size_t x = 0; x < static_cast<std::size_t>(h.width); ++x, rgb += 3) {
    if (h.bits <= 8) {
      const unsigned in_byte = 8 / h.bits;
      const auto shift = static_cast<unsigned>((in_byte - 1 - x % in_byte) * h.bits);
      const std::size_t index =
          static_cast<unsigned>(row[x / in_byte]) >> shift & ((1U << h.bits) - 1);
      if (index >= palette.size()) Reader::fail("a colour outside the palette");
      rgb[0] = palette[index].r;
      rgb[1] = palette[index].g;
      rgb[2] = palette[index].b;
      continue;
    }
    const std::size_t bytes = h.bits / 8;
    std::uint32_t pixel = 0;
    for (std::size_t i = bytes; i-- > 0;) pixel = pixel << 8U | row[x * bytes + i];
    for (std::size_t k = 0; k < 3; ++k) rgb[k] = channel(pixel, h.mask[k]);
  }
}

}  // namespace

Decoded decode_bmp(std::span<const std::uint8_t> bytes, const ReadOptions& options) {
  const Reader in(bytes);
  const Header h = read_header(in);
  const std::int64_t height = std::abs(h.height);
  check_extents(h.width, height, options);
  const std::size_t stride = (static_cast<std::size_t>(h.width) * h.bits + 31) / 32 * 4;
  // Nothing is compressed, so what the header promises must stand in the file.
  (void)in.part(h.pixels_at, stride * static_cast<std::size_t>(height));
  std::vector<Rgb> palette;
  for (std::size_t i = 0; h.bits <= 8 && i < h.palette_count; ++i) {
    const auto entry = in.part(h.palette_at + i * h.palette_entry, 3);
    palette.push_back({entry[2], entry[1], entry[0]});
  }
  Decoded out;
  out.claim = options.memory->take(3 * h.width * height);
  out.image.width = static_cast<int>(h.width);
  out.image.height = static_cast<int>(height);
  const std::size_t row = 3 * static_cast<std::size_t>(h.width);
  out.image.rgb.resize(row * static_cast<std::size_t>(height));
  for (std::size_t y = 0; y < static_cast<std::size_t>(height); ++y) {
    const std::size_t from = h.height < 0 ? y : static_cast<std::size_t>(height) - 1 - y;
    read_row(in.part(h.pixels_at + from * stride, stride), h, palette,
             out.image.rgb.data() + y * row);
  }
  return out;
}

}  // namespace cutaway::explain::codec
