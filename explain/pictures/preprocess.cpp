#include "explain/pictures/preprocess.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "explain/pictures/resample.h"
#include "runtime/error.h"
#include "weights/preprocess_json.h"

namespace cutaway::explain {
namespace {

using weights::ColorOrder;
using weights::Preprocess;

struct Size {
  int width, height;
};

Resample resample_of(weights::Interpolation how) {
  switch (how) {
    case weights::Interpolation::kBilinear:
      return Resample::kBilinear;
    case weights::Interpolation::kBilinearPil:
      return Resample::kBilinearPil;
    case weights::Interpolation::kBilinearMatlab:
      return Resample::kBilinearMatlab;
    case weights::Interpolation::kCubic075:
      return Resample::kCubic075;
    case weights::Interpolation::kCubicPil:
      return Resample::kCubicPil;
    case weights::Interpolation::kCubicMatlab:
      return Resample::kCubicMatlab;
  }
  throw Error(ErrorKind::kInternal, "unknown interpolation");
}

Size resized(Size from, const Preprocess& rule) {
  switch (rule.resize) {
    case weights::ResizeRule::kNone:
      return from;
    case weights::ResizeRule::kWarp:
      return {rule.width, rule.height};
    case weights::ResizeRule::kShortSide: {
      // In integers, as torchvision: int(side * long / short).
      const std::int64_t side = rule.short_side;
      const bool portrait = from.width <= from.height;
      const std::int64_t shorter = portrait ? from.width : from.height;
      const std::int64_t longer = side * (portrait ? from.height : from.width) / shorter;
      if (longer > 65536) {
        throw Error(ErrorKind::kShape, "the picture is too elongated to resize its short side");
      }
      const int l = static_cast<int>(longer);
      return portrait ? Size{rule.short_side, l} : Size{l, rule.short_side};
    }
  }
  throw Error(ErrorKind::kInternal, "unknown resize rule");
}

int crop_offset(int side, int size, weights::CropOffset how) {
  const int room = side - size;
  // An odd room is a half, which the even neighbour takes: 1 -> 0.5 -> 0, 3 -> 1.5 -> 2.
  const bool up = how == weights::CropOffset::kHalfEven && room % 4 == 3;
  return room / 2 + (up ? 1 : 0);
}

Rect crop_of(Size size, const Preprocess& rule) {
  if (rule.crop == weights::CropRule::kNone) return {0, 0, size.width, size.height};
  if (rule.crop_width > size.width || rule.crop_height > size.height) {
    throw Error(ErrorKind::kShape, "the picture is smaller than the crop")
        .expected("at least " + std::to_string(rule.crop_width) + "x" +
                  std::to_string(rule.crop_height))
        .got(std::to_string(size.width) + "x" + std::to_string(size.height))
        .hint("give a resize rule");
  }
  return {crop_offset(size.width, rule.crop_width, rule.crop_offset),
          crop_offset(size.height, rule.crop_height, rule.crop_offset), rule.crop_width,
          rule.crop_height};
}

// Which byte of a pixel feeds channel c.
std::size_t byte_of(ColorOrder order, std::size_t c) {
  return order == ColorOrder::kBgr ? 2 - c : c;
}

void require(bool good, const char* field, const char* expected) {
  if (!good) {
    throw Error(ErrorKind::kUsage, "impossible preprocessing").at(field).expected(expected);
  }
}

void check_batch(const Shape& shape, std::int64_t n, const Preprocess& rule) {
  if (n < 0 || n >= shape.n || shape.c != rule.channels()) {
    throw Error(ErrorKind::kShape, "the tensor does not hold such pictures")
        .expected(std::to_string(rule.channels()) + " channels and more than " + std::to_string(n) +
                  " images")
        .got(to_string(shape));
  }
}

}  // namespace

void validate(const Preprocess& rule) {
  require(std::isfinite(rule.scale), "scale", "a finite number");
  for (std::size_t c = 0; c < static_cast<std::size_t>(rule.channels()); ++c) {
    require(std::isfinite(rule.mean[c]), "mean", "finite numbers");
    require(std::isfinite(rule.std[c]) && rule.std[c] != 0.0F, "std", "finite numbers, not 0");
  }
  require(weights::has_range(rule), "scale, mean and std", weights::kRangeExpected);
  constexpr int kMost = 65536;
  const auto side = [](int v) { return v >= 1 && v <= kMost; };
  if (rule.resize == weights::ResizeRule::kWarp) {
    require(side(rule.width) && side(rule.height), "width, height", "1 to 65536");
  }
  if (rule.resize == weights::ResizeRule::kShortSide) {
    require(side(rule.short_side), "short_side", "1 to 65536");
  }
  if (rule.crop == weights::CropRule::kCenter) {
    require(side(rule.crop_width) && side(rule.crop_height), "crop_width, crop_height",
            "1 to 65536");
  }
}

Image resize_and_crop(const Image& image, const Preprocess& rule) {
  validate(image, "preprocess");
  explain::validate(rule);
  const Size size = resized({image.width, image.height}, rule);
  const Rect window = crop_of(size, rule);
  const bool whole = window == Rect{0, 0, size.width, size.height};
  if (size.width == image.width && size.height == image.height) {
    return whole ? image : crop(image, window);
  }
  Image scaled = resize(image, size.width, size.height, resample_of(rule.interpolation));
  return whole ? scaled : crop(scaled, window);
}

Rect seen_part(int width, int height, const Preprocess& rule) {
  explain::validate(rule);
  const Size size = resized({width, height}, rule);
  const Rect window = crop_of(size, rule);
  const auto back = [](int v, int to, int from) {
    return static_cast<int>(std::lround(static_cast<double>(v) * to / from));
  };
  const int left = std::min(back(window.x, width, size.width), width - 1);
  const int top = std::min(back(window.y, height, size.height), height - 1);
  const int right = std::max(back(window.x + window.width, width, size.width), left + 1);
  const int bottom = std::max(back(window.y + window.height, height, size.height), top + 1);
  return {left, top, right - left, bottom - top};
}

void fill_input(const Image& seen, const Preprocess& rule, View<float> batch, std::int64_t n) {
  validate(seen, "preprocess");
  explain::validate(rule);
  check_batch(batch.shape, n, rule);
  if (batch.shape.h != seen.height || batch.shape.w != seen.width) {
    throw Error(ErrorKind::kShape, "the picture does not fit the net's input")
        .expected(std::to_string(batch.shape.w) + "x" + std::to_string(batch.shape.h))
        .got(std::to_string(seen.width) + "x" + std::to_string(seen.height))
        .hint("the resize and crop rule must end at the size the net takes");
  }
  const Image gray = rule.order == ColorOrder::kGray ? to_gray(seen) : Image{};
  const std::uint8_t* pixels = gray.empty() ? seen.rgb.data() : gray.rgb.data();
  for (std::size_t c = 0; c < static_cast<std::size_t>(rule.channels()); ++c) {
    // One division a level instead of one a pixel, and the same numbers.
    std::array<float, 256> value{};
    for (std::size_t v = 0; v < value.size(); ++v) {
      value[v] = (rule.scale * static_cast<float>(v) - rule.mean[c]) / rule.std[c];
    }
    const std::uint8_t* p = pixels + byte_of(rule.order, c);
    for (std::int64_t y = 0; y < batch.shape.h; ++y) {
      float* out = &batch.at(n, static_cast<std::int64_t>(c), y, 0);
      for (std::int64_t x = 0; x < batch.shape.w; ++x, p += 3, out += batch.stride_w) {
        *out = value[*p];
      }
    }
  }
}

Tensor preprocess(const Image& image, const Preprocess& rule) {
  const Image seen = resize_and_crop(image, rule);
  Tensor out(kCpuDevice, DType::kF32, {1, rule.channels(), seen.height, seen.width});
  fill_input(seen, rule, out.ref().out(), 0);
  return out;
}

Image deprocess(View<const float> x, std::int64_t n, const Preprocess& rule) {
  explain::validate(rule);
  check_batch(x.shape, n, rule);
  require(rule.scale != 0.0F, "scale", "a number other than 0");
  Image out = make_image(static_cast<int>(x.shape.w), static_cast<int>(x.shape.h));
  std::uint8_t* p = out.rgb.data();
  for (std::int64_t row = 0; row < x.shape.h; ++row) {
    for (std::int64_t column = 0; column < x.shape.w; ++column, p += 3) {
      for (std::size_t k = 0; k < 3; ++k) {
        const std::size_t c = rule.channels() == 1 ? 0 : byte_of(rule.order, k);
        const float v = x.at(n, static_cast<std::int64_t>(c), row, column);
        const float pixel = (v * rule.std[c] + rule.mean[c]) / rule.scale;
        // The comparison that NaN fails makes it black.
        p[k] = pixel > 0.0F ? static_cast<std::uint8_t>(std::min(pixel + 0.5F, 255.0F))
                            : std::uint8_t{0};
      }
    }
  }
  return out;
}

}  // namespace cutaway::explain
