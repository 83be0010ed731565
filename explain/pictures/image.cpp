#include "explain/pictures/image.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "runtime/error.h"

namespace cutaway::explain {
namespace {

std::string extents(int width, int height) {
  return std::to_string(width) + "x" + std::to_string(height);
}

}  // namespace

Image make_image(int width, int height, Rgb fill_colour) {
  if (width < 1 || height < 1) {
    throw Error(ErrorKind::kShape, "a picture needs at least one pixel")
        .got(extents(width, height));
  }
  Image image{width, height, {}};
  image.rgb.resize(3 * static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  fill(image, {0, 0, width, height}, fill_colour);
  return image;
}

void validate(const Image& image, const char* what) {
  const bool sane = image.width >= 1 && image.height >= 1;
  if (!sane || image.rgb.size() != 3 * static_cast<std::size_t>(image.width) *
                                       static_cast<std::size_t>(image.height)) {
    throw Error(ErrorKind::kShape, "extents and bytes of a picture do not fit together")
        .at(what)
        .expected("3 bytes for each pixel of " + extents(image.width, image.height))
        .got(std::to_string(image.rgb.size()) + " bytes");
  }
}

void validate(const Map& map, const char* what) {
  const bool sane = map.width >= 1 && map.height >= 1;
  if (!sane || map.values.size() !=
                   static_cast<std::size_t>(map.width) * static_cast<std::size_t>(map.height)) {
    throw Error(ErrorKind::kShape, "extents and values of a map do not fit together")
        .at(what)
        .expected("one value for each cell of " + extents(map.width, map.height))
        .got(std::to_string(map.values.size()) + " values");
  }
}

void paste(Image& target, const Image& source, int x, int y) {
  const int left = std::max(x, 0);
  const int right = std::min(x + source.width, target.width);
  const int top = std::max(y, 0);
  const int bottom = std::min(y + source.height, target.height);
  if (left >= right) return;
  for (int row = top; row < bottom; ++row) {
    std::memcpy(target.rgb.data() + target.offset(left, row),
                source.rgb.data() + source.offset(left - x, row - y),
                3 * static_cast<std::size_t>(right - left));
  }
}

void fill(Image& target, const Rect& where, Rgb colour) {
  const int left = std::max(where.x, 0);
  const int right = std::min(where.x + where.width, target.width);
  const int bottom = std::min(where.y + where.height, target.height);
  for (int y = std::max(where.y, 0); y < bottom; ++y) {
    for (int x = left; x < right; ++x) target.set(x, y, colour);
  }
}

Image crop(const Image& image, const Rect& where) {
  validate(image, "crop");
  if (where.x < 0 || where.y < 0 || where.width > image.width - where.x ||
      where.height > image.height - where.y) {
    throw Error(ErrorKind::kShape, "a crop outside its picture")
        .expected("a rectangle inside " + extents(image.width, image.height))
        .got(extents(where.width, where.height) + " at (" + std::to_string(where.x) + ", " +
             std::to_string(where.y) + ")");
  }
  Image out = make_image(where.width, where.height);
  paste(out, image, -where.x, -where.y);
  return out;
}

Image magnify(const Image& image, int factor) {
  validate(image, "magnify");
  if (factor < 1) throw Error(ErrorKind::kShape, "a magnification below 1");
  Image out = make_image(image.width * factor, image.height * factor);
  for (int y = 0; y < out.height; ++y) {
    for (int x = 0; x < out.width; ++x) out.set(x, y, image.at(x / factor, y / factor));
  }
  return out;
}

Image to_gray(const Image& image) {
  validate(image, "to_gray");
  Image out = image;
  for (std::size_t i = 0; i < out.rgb.size(); i += 3) {
    const std::uint32_t luminance =
        (19595U * out.rgb[i] + 38470U * out.rgb[i + 1] + 7471U * out.rgb[i + 2] + 32768U) >> 16U;
    const auto value = static_cast<std::uint8_t>(luminance);
    out.rgb[i] = out.rgb[i + 1] = out.rgb[i + 2] = value;
  }
  return out;
}

}  // namespace cutaway::explain
