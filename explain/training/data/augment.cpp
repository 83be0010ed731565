#include "explain/training/data/augment.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "explain/pictures/preprocess.h"
#include "runtime/philox.h"

namespace cutaway::training {

using explain::Image;
using explain::Rect;
namespace {

/// Numbers for one picture, one after the other.
class Draws {
 public:
  Draws(std::uint64_t seed, std::int64_t epoch, std::int64_t picture)
      : random_{seed, 0xA067'0000'0000u + static_cast<std::uint64_t>(epoch)},
        at_(static_cast<std::uint64_t>(picture) * 64) {}
  double uniform() { return static_cast<double>(random_.uniform(at_++)); }
  double between(double low, double high) { return low + (high - low) * uniform(); }

 private:
  Philox random_;
  std::uint64_t at_;
};

Rect centred_part(const Augmentation& a, int width, int height) {
  const double aspect = static_cast<double>(width) / height;
  const double least = static_cast<double>(a.crop_aspect[0]);
  const double most = static_cast<double>(a.crop_aspect[1]);
  int w = width, h = height;
  if (aspect < least) h = static_cast<int>(std::lround(width / least));
  if (aspect > most) w = static_cast<int>(std::lround(height * most));
  w = std::clamp(w, 1, width);
  h = std::clamp(h, 1, height);
  return {(width - w) / 2, (height - h) / 2, w, h};
}

Rect random_part(const Augmentation& a, int width, int height, Draws& draws) {
  const double area = static_cast<double>(width) * height;
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double wanted = area * draws.between(static_cast<double>(a.crop_area[0]),
                                               static_cast<double>(a.crop_area[1]));
    const double aspect = std::exp(draws.between(std::log(static_cast<double>(a.crop_aspect[0])),
                                                 std::log(static_cast<double>(a.crop_aspect[1]))));
    const int w = static_cast<int>(std::lround(std::sqrt(wanted * aspect)));
    const int h = static_cast<int>(std::lround(std::sqrt(wanted / aspect)));
    const double across = draws.uniform(), along = draws.uniform();
    if (w < 1 || h < 1 || w > width || h > height) continue;
    return {static_cast<int>(across * (width - w + 1)), static_cast<int>(along * (height - h + 1)),
            w, h};
  }
  return centred_part(a, width, height);
}

Image mirrored(const Image& image) {
  Image out = image;
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x) out.set(image.width - 1 - x, y, image.at(x, y));
  return out;
}

std::uint8_t rounded(double v) {
  return static_cast<std::uint8_t>(std::clamp(std::lround(v), 0L, 255L));
}

/// Bilinear, edges repeated.
Image moved(const Image& image, const AugmentationDraw& d) {
  const double angle = d.degrees * std::numbers::pi / 180.0;
  const double cosine = std::cos(angle) / d.scale, sine = std::sin(angle) / d.scale;
  const double cx = (image.width - 1) / 2.0, cy = (image.height - 1) / 2.0;
  Image out = explain::make_image(image.width, image.height);
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      const double u = x - cx - d.right, v = y - cy - d.down;
      // Rows run downwards, so that counter-clockwise is a turn by -angle in (x, y).
      const double sx = std::clamp(cosine * u - sine * v + cx, 0.0, image.width - 1.0);
      const double sy = std::clamp(sine * u + cosine * v + cy, 0.0, image.height - 1.0);
      const int x0 = static_cast<int>(sx), y0 = static_cast<int>(sy);
      const int x1 = std::min(x0 + 1, image.width - 1), y1 = std::min(y0 + 1, image.height - 1);
      const double fx = sx - x0, fy = sy - y0;
      for (std::size_t c = 0; c < 3; ++c) {
        const auto value = [&](int px, int py) {
          return static_cast<double>(image.rgb[image.offset(px, py) + c]);
        };
        const double top = value(x0, y0) * (1 - fx) + value(x1, y0) * fx;
        const double bottom = value(x0, y1) * (1 - fx) + value(x1, y1) * fx;
        out.rgb[out.offset(x, y) + c] = rounded(top * (1 - fy) + bottom * fy);
      }
    }
  }
  return out;
}

/// other + factor * (image - other) in float32, cut off as Pillow's Image.blend does.
template <class Other>
void blend(Image& image, double factor, const Other& other) {
  const auto f = static_cast<float>(factor);
  for (std::size_t i = 0; i < image.rgb.size(); ++i) {
    const float from = other(i);
    const float v = from + f * (static_cast<float>(image.rgb[i]) - from);
    image.rgb[i] = static_cast<std::uint8_t>(std::clamp(v, 0.0f, 255.0f));
  }
}

void change_colours(Image& image, const AugmentationDraw& d) {
  if (d.brightness != 1.0) blend(image, d.brightness, [](std::size_t) { return 0.0f; });
  if (d.contrast != 1.0) {
    const Image grey = explain::to_gray(image);
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < grey.rgb.size(); i += 3) sum += grey.rgb[i];
    const double pixels = static_cast<double>(grey.rgb.size()) / 3.0;
    const auto mean = static_cast<float>(std::floor(static_cast<double>(sum) / pixels + 0.5));
    blend(image, d.contrast, [mean](std::size_t) { return mean; });
  }
  if (d.saturation != 1.0) {
    const Image grey = explain::to_gray(image);
    blend(image, d.saturation, [&](std::size_t i) { return static_cast<float>(grey.rgb[i]); });
  }
}

}  // namespace

AugmentationDraw draw_augmentation(const Augmentation& a,
                                   int width,
                                   int height,
                                   std::uint64_t seed,
                                   std::int64_t epoch,
                                   std::int64_t picture) {
  Draws draws(seed, epoch, picture);
  AugmentationDraw d;
  const auto factor = [&](float range) {
    return range > 0.0f
               ? draws.between(1.0 - static_cast<double>(range), 1.0 + static_cast<double>(range))
               : 1.0;
  };
  d.mirrored = a.flip > 0.0f && draws.uniform() < static_cast<double>(a.flip);
  if (a.shift > 0) {
    const auto pixels = [&] {
      return std::floor(draws.uniform() * static_cast<double>(2 * a.shift + 1)) -
             static_cast<double>(a.shift);
    };
    d.right = pixels();
    d.down = pixels();
  }
  if (a.scale[0] != 1.0f || a.scale[1] != 1.0f)
    d.scale = draws.between(static_cast<double>(a.scale[0]), static_cast<double>(a.scale[1]));
  if (a.rotation > 0.0f)
    d.degrees = draws.between(-static_cast<double>(a.rotation), static_cast<double>(a.rotation));
  d.brightness = factor(a.brightness);
  d.contrast = factor(a.contrast);
  d.saturation = factor(a.saturation);
  d.cropped = a.crop;
  if (a.crop) d.part = random_part(a, width, height, draws);
  return d;
}

Image augmented(const Image& image,
                const weights::Preprocess& rule,
                const AugmentationDraw& d,
                int width,
                int height) {
  weights::Preprocess sizes = rule;
  if (d.cropped) {
    sizes.resize = weights::ResizeRule::kWarp;
    sizes.width = width;
    sizes.height = height;
    sizes.crop = weights::CropRule::kNone;
  }
  Image seen = explain::resize_and_crop(d.cropped ? explain::crop(image, d.part) : image, sizes);
  if (d.mirrored) seen = mirrored(seen);
  if (d.scale != 1.0 || d.degrees != 0.0 || d.right != 0.0 || d.down != 0.0) seen = moved(seen, d);
  change_colours(seen, d);
  return seen;
}

}  // namespace cutaway::training
