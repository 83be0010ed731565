#include <cstdlib>
#include <string>

#include "explain/pictures/jpeg_guard.h"
#include "explain/pictures/write_image.h"
#include "runtime/error.h"
#include "runtime/files/atomic_file.h"

namespace cutaway::explain {
namespace {

constexpr int kMostPixelsASide = JPEG_MAX_DIMENSION;

/// Owns the compressor and the buffer it allocates.
struct Compressor {
  codec::JpegErrors errors{};
  jpeg_compress_struct info{};
  unsigned char* bytes{nullptr};
  unsigned long size{0};

  Compressor() = default;
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;
  ~Compressor() {
    jpeg_destroy_compress(&info);
    std::free(bytes);
  }
};

void check(const Image& image, const JpegOptions& options) {
  validate(image, "encode_jpeg");
  if (image.width > kMostPixelsASide || image.height > kMostPixelsASide) {
    throw Error(ErrorKind::kShape, "too large for JPEG")
        .expected("at most " + std::to_string(kMostPixelsASide) + " pixels a side")
        .got(std::to_string(image.width) + "x" + std::to_string(image.height));
  }
  if (options.quality < 1 || options.quality > 100) {
    throw Error(ErrorKind::kUsage, "JPEG quality")
        .expected("1 to 100")
        .got(std::to_string(options.quality));
  }
}

}  // namespace

std::vector<std::uint8_t> encode_jpeg(const Image& image, const JpegOptions& options) {
  check(image, options);
  Compressor c;
  codec::install(c.errors);
  c.info.err = &c.errors.base;
  auto compress = [&] {
    jpeg_create_compress(&c.info);
    jpeg_mem_dest(&c.info, &c.bytes, &c.size);
    c.info.image_width = static_cast<JDIMENSION>(image.width);
    c.info.image_height = static_cast<JDIMENSION>(image.height);
    c.info.input_components = 3;
    c.info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&c.info);
    jpeg_set_quality(&c.info, options.quality, TRUE);
    if (options.full_chroma) {
      c.info.comp_info[0].h_samp_factor = 1;
      c.info.comp_info[0].v_samp_factor = 1;
    }
    jpeg_start_compress(&c.info, TRUE);
    while (c.info.next_scanline < c.info.image_height) {
      // libjpeg takes a pointer to mutable rows and does not write to them.
      auto* row = const_cast<JSAMPROW>(image.rgb.data() +
                                       image.offset(0, static_cast<int>(c.info.next_scanline)));
      jpeg_write_scanlines(&c.info, &row, 1);
    }
    jpeg_finish_compress(&c.info);
  };
  if (!codec::guarded(c.errors, compress)) {
    throw Error(ErrorKind::kInternal, "libjpeg could not encode a picture").got(c.errors.message);
  }
  return {c.bytes, c.bytes + c.size};
}

void write_jpeg(const std::string& path, const Image& image, const JpegOptions& options) {
  files::write_file_atomically(path, encode_jpeg(image, options));
}

}  // namespace cutaway::explain
