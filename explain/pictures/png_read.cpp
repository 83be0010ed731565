#include <cstring>
#include <new>
#include <vector>

#include "explain/pictures/codec.h"
#include "explain/pictures/png_guard.h"
#include "runtime/error.h"

namespace cutaway::explain::codec {
namespace {

struct Source {
  std::span<const std::uint8_t> bytes;
  std::size_t at{0};
};

void read_some(png_structp png, png_bytep out, std::size_t n) {
  auto* source = static_cast<Source*>(png_get_io_ptr(png));
  if (n > source->bytes.size() - source->at) png_error(png, "unexpected end of the file");
  std::memcpy(out, source->bytes.data() + source->at, n);
  source->at += n;
}

/// Owns libpng's two structures.
class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) : source_{bytes} {
    // A failure in here jumps, and has to land somewhere.
    auto create = [this] {
      png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &errors_, on_png_error, on_png_warning);
      if (png_ == nullptr) return;
      info_ = png_create_info_struct(png_);
      png_set_read_fn(png_, &source_, read_some);
    };
    if (!guarded(errors_, create) || png_ == nullptr || info_ == nullptr) {
      png_destroy_read_struct(&png_, &info_, nullptr);
      throw std::bad_alloc();
    }
  }
  ~Reader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  template <class Body>
  void run(Body& body) {
    if (guarded(errors_, body)) return;
    throw Error(ErrorKind::kInput, "damaged or truncated PNG").got(errors_.message);
  }
  [[nodiscard]] png_structp png() { return png_; }
  [[nodiscard]] png_infop info() { return info_; }

 private:
  PngErrors errors_{};
  Source source_;
  png_structp png_{nullptr};
  png_infop info_{nullptr};
};

// Deflate shrinks at most 1032 to 1, so extents that the file cannot fill are found before memory
// is taken for them.
void check_plausible(Reader& reader, std::size_t bytes) {
  const std::uint64_t raw = std::uint64_t{png_get_rowbytes(reader.png(), reader.info())} *
                            png_get_image_height(reader.png(), reader.info());
  if (raw > std::uint64_t{bytes} * 1032) {
    throw Error(ErrorKind::kInput, "damaged or truncated PNG")
        .got("a header that promises more pixels than the file can hold");
  }
}

// Asks libpng for 8-bit RGB, or RGBA where alpha is wanted and there is some.
void set_transforms(Reader& reader, Alpha alpha) {
  png_structp png = reader.png();
  auto transform = [&] {
    png_set_scale_16(png);
    png_set_palette_to_rgb(png);
    png_set_expand_gray_1_2_4_to_8(png);
    if (png_get_valid(png, reader.info(), PNG_INFO_tRNS) != 0) png_set_tRNS_to_alpha(png);
    if (alpha == Alpha::kDrop) png_set_strip_alpha(png);
    png_set_gray_to_rgb(png);
  };
  reader.run(transform);
}

void flatten_over_white(const std::vector<std::uint8_t>& rgba, std::vector<std::uint8_t>& rgb) {
  rgb.resize(rgba.size() / 4 * 3);
  for (std::size_t i = 0; i < rgba.size() / 4; ++i) {
    const unsigned a = rgba[4 * i + 3];
    for (std::size_t k = 0; k < 3; ++k) {
      const unsigned v = a * rgba[4 * i + k] + (255U - a) * 255U;
      rgb[3 * i + k] = static_cast<std::uint8_t>((v + 127U) / 255U);
    }
  }
}

int orientation_of(Reader& reader) {
#ifdef PNG_eXIf_SUPPORTED
  png_bytep exif = nullptr;
  png_uint_32 size = 0;
  if (png_get_eXIf_1(reader.png(), reader.info(), &size, &exif) != 0 && exif != nullptr) {
    return exif_orientation({exif, size});
  }
#endif
  return 1;
}

}  // namespace

Decoded decode_png(std::span<const std::uint8_t> bytes, const ReadOptions& options) {
  Reader reader(bytes);
  png_structp png = reader.png();
  png_infop info = reader.info();
  auto read_header = [&] { png_read_info(png, info); };
  reader.run(read_header);
  check_extents(png_get_image_width(png, info), png_get_image_height(png, info), options);
  check_plausible(reader, bytes.size());
  set_transforms(reader, options.alpha);
  int passes = 1;
  auto update = [&] {
    passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
  };
  reader.run(update);

  Decoded out;
  out.image.width = static_cast<int>(png_get_image_width(png, info));
  out.image.height = static_cast<int>(png_get_image_height(png, info));
  const std::size_t row = png_get_rowbytes(png, info);
  const auto channels = static_cast<std::size_t>(png_get_channels(png, info));
  check((channels == 3 || channels == 4) && png_get_bit_depth(png, info) == 8 &&
            row == channels * static_cast<std::size_t>(out.image.width),
        "libpng did not give 8-bit RGB");
  std::vector<std::uint8_t> pixels(row * static_cast<std::size_t>(out.image.height));
  auto read_rows = [&] {
    for (int pass = 0; pass < passes; ++pass) {
      for (int y = 0; y < out.image.height; ++y) {
        png_read_row(png, pixels.data() + static_cast<std::size_t>(y) * row, nullptr);
      }
    }
    png_read_end(png, info);
  };
  reader.run(read_rows);
  out.orientation = orientation_of(reader);
  if (channels == 3) {
    out.image.rgb = std::move(pixels);
  } else {
    flatten_over_white(pixels, out.image.rgb);
  }
  return out;
}

}  // namespace cutaway::explain::codec
