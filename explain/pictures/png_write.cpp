#include <exception>
#include <new>
#include <string>

#include "explain/pictures/png_guard.h"
#include "explain/pictures/write_image.h"
#include "runtime/error.h"
#include "runtime/files/atomic_file.h"

namespace cutaway::explain {
namespace {

void append(png_structp png, png_bytep bytes, std::size_t n) {
  auto* out = static_cast<std::vector<std::uint8_t>*>(png_get_io_ptr(png));
  bool full = false;
  try {
    out->insert(out->end(), bytes, bytes + n);
  } catch (const std::exception&) {
    full = true;  // must not travel through C
  }
  if (full) png_error(png, "out of memory");
}

void flush(png_structp /*png*/) {}

/// Owns libpng's two structures.
struct Writer {
  codec::PngErrors errors{};
  png_structp png{nullptr};
  png_infop info{nullptr};

  Writer() = default;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { png_destroy_write_struct(&png, &info); }
};

}  // namespace

std::vector<std::uint8_t> encode_png(const Image& image, const PngOptions& options) {
  validate(image, "encode_png");
  if (options.level < 0 || options.level > 9) {
    throw Error(ErrorKind::kUsage, "PNG compression level")
        .expected("0 to 9")
        .got(std::to_string(options.level));
  }
  std::vector<std::uint8_t> bytes;
  Writer w;
  auto encode = [&] {
    w.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &w.errors, codec::on_png_error,
                                    codec::on_png_warning);
    if (w.png != nullptr) w.info = png_create_info_struct(w.png);
    if (w.info == nullptr) return;
    png_set_write_fn(w.png, &bytes, append, flush);
    png_set_compression_level(w.png, options.level);
    png_set_IHDR(w.png, w.info, static_cast<png_uint_32>(image.width),
                 static_cast<png_uint_32>(image.height), 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(w.png, w.info);
    for (int y = 0; y < image.height; ++y) {
      png_write_row(w.png, image.rgb.data() + image.offset(0, y));
    }
    png_write_end(w.png, w.info);
  };
  if (!codec::guarded(w.errors, encode)) {
    throw Error(ErrorKind::kShape, "libpng could not encode a picture").got(w.errors.message);
  }
  if (w.info == nullptr) throw std::bad_alloc();
  return bytes;
}

void write_png(const std::string& path, const Image& image, const PngOptions& options) {
  files::write_file_atomically(path, encode_png(image, options));
}

}  // namespace cutaway::explain
