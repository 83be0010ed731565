#include <algorithm>
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

/// Takes the rows of a picture and makes each square of factor x factor pixels one, their mean.
class Shrinker {
 public:
  Shrinker(int width, int height, int factor, std::uint8_t* to)
      : width_(width), height_(height), factor_(factor), to_(to), sum_(3 * columns()) {}

  [[nodiscard]] std::size_t columns() const {
    return static_cast<std::size_t>((width_ + factor_ - 1) / factor_);
  }

  void add(const std::uint8_t* rgb) {
    for (int x = 0; x < width_; ++x) {
      const auto column = static_cast<std::size_t>(x / factor_);
      for (std::size_t k = 0; k < 3; ++k)
        sum_[3 * column + k] += rgb[3 * static_cast<std::size_t>(x) + k];
    }
    ++rows_;
    ++row_;
    if (rows_ < factor_ && row_ < height_) return;
    for (std::size_t i = 0; i < sum_.size(); ++i) {
      const int first = static_cast<int>(i / 3) * factor_;
      const auto count = static_cast<std::uint32_t>(rows_ * std::min(factor_, width_ - first));
      *to_++ = static_cast<std::uint8_t>((sum_[i] + count / 2) / count);
      sum_[i] = 0;
    }
    rows_ = 0;
  }

 private:
  int width_, height_, factor_, rows_{0}, row_{0};
  std::uint8_t* to_;
  std::vector<std::uint32_t> sum_;
};

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

  const int width = static_cast<int>(png_get_image_width(png, info));
  const int height = static_cast<int>(png_get_image_height(png, info));
  const std::size_t row = png_get_rowbytes(png, info);
  const auto channels = static_cast<std::size_t>(png_get_channels(png, info));
  check((channels == 3 || channels == 4) && png_get_bit_depth(png, info) == 8 &&
            row == channels * static_cast<std::size_t>(width),
        "libpng did not give 8-bit RGB");
  Decoded out;
  // Turning takes a second picture. The tag may stand behind the pixels; few writers put it there.
  const bool turned = options.apply_orientation && orientation_of(reader) > 1;
  const auto each = static_cast<std::int64_t>(turned ? 6 : channels);
  const int factor = passes > 1 ? 1 : reduction(width, height, 0, turned ? 6 : 3, options);
  if (factor > 1) {
    out.image.width = (width + factor - 1) / factor;
    out.image.height = (height + factor - 1) / factor;
  } else {
    out.image.width = width;
    out.image.height = height;
  }
  const auto left =
      static_cast<std::size_t>(out.image.width) * static_cast<std::size_t>(out.image.height);
  out.claim = options.memory->take((factor > 1 ? (turned ? 6 : 3) : each) *
                                   static_cast<std::int64_t>(left));
  std::vector<std::uint8_t>& pixels = out.image.rgb;
  pixels.resize((factor > 1 ? 3 : channels) * left);
  if (factor > 1) {
    Shrinker shrinker(width, height, factor, pixels.data());
    std::vector<std::uint8_t> line(row);
    auto read_rows = [&] {
      for (int y = 0; y < height; ++y) {
        png_read_row(png, line.data(), nullptr);
        if (channels == 4)
          without_alpha(line.data(), static_cast<std::size_t>(width), options.alpha, line.data());
        shrinker.add(line.data());
      }
      png_read_end(png, info);
    };
    reader.run(read_rows);
  } else {
    auto read_rows = [&] {
      for (int pass = 0; pass < passes; ++pass) {
        for (int y = 0; y < height; ++y)
          png_read_row(png, pixels.data() + static_cast<std::size_t>(y) * row, nullptr);
      }
      png_read_end(png, info);
    };
    reader.run(read_rows);
    if (channels == 4) without_alpha(pixels.data(), left, options.alpha, pixels.data());
    pixels.resize(3 * left);
  }
  out.orientation = orientation_of(reader);
  return out;
}

}  // namespace cutaway::explain::codec
