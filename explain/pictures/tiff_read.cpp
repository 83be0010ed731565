#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "explain/pictures/codec.h"
#include "runtime/error.h"

namespace cutaway::explain::codec {
namespace {

/// What libtiff reads from, and the first thing it complained of.
struct Source {
  std::span<const std::uint8_t> bytes;
  std::uint64_t at{0};
  std::string message;
};

[[noreturn]] void fail(const Source& source) {
  throw Error(ErrorKind::kInput, "damaged or truncated TIFF")
      .got(source.message.empty() ? "data that libtiff cannot read" : source.message);
}

tmsize_t read_some(thandle_t handle, void* to, tmsize_t size) {
  Source& source = *static_cast<Source*>(handle);
  const std::uint64_t left =
      source.at < source.bytes.size() ? source.bytes.size() - source.at : std::uint64_t{0};
  const std::uint64_t count = std::min(left, static_cast<std::uint64_t>(size));
  if (count > 0) std::memcpy(to, source.bytes.data() + source.at, count);
  source.at += count;
  return static_cast<tmsize_t>(count);
}

tmsize_t write_none(thandle_t, void*, tmsize_t) { return 0; }

toff_t seek(thandle_t handle, toff_t offset, int whence) {
  Source& source = *static_cast<Source*>(handle);
  if (whence == SEEK_SET) source.at = offset;
  if (whence == SEEK_CUR) source.at += offset;
  if (whence == SEEK_END) source.at = source.bytes.size() + offset;
  return source.at;
}

int close_none(thandle_t) { return 0; }
toff_t size_of(thandle_t handle) { return static_cast<Source*>(handle)->bytes.size(); }

int on_error(TIFF*, void* user, const char* module, const char* format, va_list values) {
  Source& source = *static_cast<Source*>(user);
  if (!source.message.empty()) return 1;
  char text[256];
  // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): libtiff began it
  std::vsnprintf(text, sizeof text, format, values);
  source.message = (module != nullptr && *module != '\0' ? std::string(module) + ": " : "") + text;
  return 1;
}

int on_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }

struct Close {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
  void operator()(TIFFOpenOptions* options) const { TIFFOpenOptionsFree(options); }
};

/// libtiff's way from whatever the file holds to 8 bits a channel.
class Converter {
 public:
  Converter(TIFF* tiff, Source& source) : source_(source) {
    char text[1024] = "";
    if (TIFFRGBAImageOK(tiff, text) == 0) {
      if (!source_.message.empty()) fail(source_);
      throw Error(ErrorKind::kUnsupported, "a TIFF of this kind is not read").got(text);
    }
    begun_ = TIFFRGBAImageBegin(&image_, tiff, 1, text) != 0;
    if (!begun_) fail(source_);
    // As it is stored: turning is done for all formats alike.
    image_.req_orientation = image_.orientation;
  }
  ~Converter() {
    if (begun_) TIFFRGBAImageEnd(&image_);
  }
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;

  void read(std::vector<std::uint32_t>& pixels) {
    if (TIFFRGBAImageGet(&image_, pixels.data(), image_.width, image_.height) == 0 ||
        !source_.message.empty())
      fail(source_);
  }
  [[nodiscard]] int orientation() const { return image_.orientation; }
  [[nodiscard]] bool alpha() const { return image_.alpha != 0; }

 private:
  Source& source_;
  TIFFRGBAImage image_{};
  bool begun_{false};
};

// libtiff multiplies colours with their alpha.
void take_pixels(std::span<const std::uint32_t> from, bool alpha, Alpha how, std::uint8_t* rgb) {
  for (const std::uint32_t pixel : from) {
    const unsigned a = TIFFGetA(pixel);
    for (const unsigned v : {TIFFGetR(pixel), TIFFGetG(pixel), TIFFGetB(pixel)}) {
      unsigned colour = v;
      if (alpha && how == Alpha::kOverWhite) colour = std::min(255U, v + 255U - a);
      if (alpha && how == Alpha::kDrop && a > 0) colour = std::min(255U, (v * 255U + a / 2) / a);
      *rgb++ = static_cast<std::uint8_t>(colour);
    }
  }
}

}  // namespace

Decoded decode_tiff(std::span<const std::uint8_t> bytes, const ReadOptions& options) {
  Source source{bytes, 0, {}};
  const std::unique_ptr<TIFFOpenOptions, Close> opening(TIFFOpenOptionsAlloc());
  if (!opening) throw std::bad_alloc();
  TIFFOpenOptionsSetErrorHandlerExtR(opening.get(), on_error, &source);
  TIFFOpenOptionsSetWarningHandlerExtR(opening.get(), on_warning, nullptr);
  TIFFOpenOptionsSetMaxSingleMemAlloc(opening.get(), PictureMemory::kWhole / 4);
  const std::unique_ptr<TIFF, Close> tiff(TIFFClientOpenExt("picture", "rm", &source, read_some,
                                                            write_none, seek, close_none, size_of,
                                                            nullptr, nullptr, opening.get()));
  if (!tiff) fail(source);
  std::uint32_t width = 0, height = 0;
  if (TIFFGetField(tiff.get(), TIFFTAG_IMAGEWIDTH, &width) == 0 ||
      TIFFGetField(tiff.get(), TIFFTAG_IMAGELENGTH, &height) == 0)
    fail(source);
  check_extents(width, height, options);
  std::uint32_t kind = 0;
  const bool preview = TIFFGetField(tiff.get(), TIFFTAG_SUBFILETYPE, &kind) != 0 &&
                       (kind & (FILETYPE_REDUCEDIMAGE | FILETYPE_MASK)) != 0;
  const bool canon = bytes.size() > 10 && bytes[8] == 'C' && bytes[9] == 'R';
  if (preview || canon)
    throw Error(ErrorKind::kUnsupported, "raw files of cameras are not read")
        .got("a TIFF that begins with a preview")
        .hint("convert the file to PNG or JPEG");
  if (width > (1U << 20U) || height > (1U << 20U))
    throw Error(ErrorKind::kMemory, "the picture is too large").got("a side beyond 2^20 pixels");
  const std::size_t pixels = std::size_t{width} * height;
  Decoded out;
  // 32 bits a pixel from libtiff, our 24, and the strip or tile that it unpacks.
  out.claim = options.memory->take(static_cast<std::int64_t>(pixels) * 7 +
                                   static_cast<std::int64_t>(bytes.size()));
  Converter converter(tiff.get(), source);
  std::vector<std::uint32_t> raster(pixels);
  converter.read(raster);
  out.image.width = static_cast<int>(width);
  out.image.height = static_cast<int>(height);
  out.image.rgb.resize(3 * pixels);
  take_pixels(raster, converter.alpha(), options.alpha, out.image.rgb.data());
  out.orientation = converter.orientation();
  return out;
}

}  // namespace cutaway::explain::codec
