#include "explain/render/render.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "runtime/error.h"

namespace cutaway::explain {
namespace {

/// Least and greatest finite value; 0 and 0 without any.
Limits extent_of(std::span<const float> values) {
  Limits extent;
  bool any = false;
  for (const float v : values) {
    if (!std::isfinite(v)) continue;
    extent = any ? Limits{std::min(extent.low, v), std::max(extent.high, v)} : Limits{v, v};
    any = true;
  }
  return extent;
}

Rendered colorize_normalized(Normalized&& shown, int width, int height, Colormap colormap) {
  const ColorTable& table = color_table(colormap);
  Rendered out;
  out.image = make_image(width, height);
  std::uint8_t* p = out.image.rgb.data();
  for (const float v : shown.values) {
    const Rgb colour = table[static_cast<std::size_t>(color_index(v))];
    *p++ = colour.r;
    *p++ = colour.g;
    *p++ = colour.b;
  }
  out.limits = shown.limits;
  out.colormap = colormap;
  out.degenerate = shown.degenerate;
  out.why = std::move(shown.why);
  return out;
}

}  // namespace

Rendered colorize(const Map& map, const Style& style) {
  Rendered out = colorize_normalized(normalize(map, style.normalization), map.width, map.height,
                                     style.colormap);
  out.extent = extent_of(map.values);
  return out;
}

Rendered colorize(const Map& map, int width, int height, const Style& style) {
  validate(map, "colorize");
  if (map.width == width && map.height == height) return colorize(map, style);
  const std::vector<float> large = resize(map, height, width, style.resample);
  return colorize(Map{large, height, width}, style);
}

Image blend(const Image& photo, const Image& heat, const Blend& weights) {
  validate(photo, "blend");
  validate(heat, "blend");
  if (photo.width != heat.width || photo.height != heat.height) {
    throw Error(ErrorKind::kShape, "blending pictures of two sizes");
  }
  Image out = photo;
  for (std::size_t i = 0; i < out.rgb.size(); ++i) {
    const float v = weights.image * static_cast<float>(photo.rgb[i]) +
                    weights.heat * static_cast<float>(heat.rgb[i]);
    out.rgb[i] = static_cast<std::uint8_t>(std::clamp(std::floor(v + 0.5F), 0.0F, 255.0F));
  }
  return out;
}

Rendered overlay(const Image& photo, const Map& map, const Style& style) {
  validate(photo, "overlay");
  Rendered out = colorize(map, photo.width, photo.height, style);
  out.image = blend(photo, out.image, style.blend);
  return out;
}

Rendered overlay_part(const Image& photo, const Map& map, const Rect& where, const Style& style) {
  Rendered out = overlay(crop(photo, where), map, style);
  Image whole = photo;
  paste(whole, out.image, where.x, where.y);
  out.image = std::move(whole);
  return out;
}

Rendered reconstruct(std::span<const float> values,
                     int channels,
                     int height,
                     int width,
                     const Reconstruction& options) {
  if (channels != 1 && channels != 3) {
    throw Error(ErrorKind::kShape, "a reconstruction needs 1 or 3 channels")
        .got(std::to_string(channels));
  }
  // All channels as one tall map: one scale for all of them.
  const Map tall{values, channels * height, width};
  const Normalization rule = options.scale > 0.0F
                                 ? Normalization::fixed_limits({-options.scale, options.scale})
                                 : Normalization::symmetric(options.quantile);
  Normalized shown = normalize(tall, rule);
  // A blank reconstruction is mid-grey also when values were not finite.
  if (shown.degenerate) std::fill(shown.values.begin(), shown.values.end(), 0.5F);
  Rendered out;
  out.image = make_image(width, height);
  const std::size_t plane = static_cast<std::size_t>(height) * static_cast<std::size_t>(width);
  for (std::size_t c = 0; c < 3; ++c) {
    const std::size_t from = channels == 1 ? 0 : options.bgr ? 2 - c : c;
    for (std::size_t i = 0; i < plane; ++i) {
      out.image.rgb[3 * i + c] =
          static_cast<std::uint8_t>(color_index(shown.values[from * plane + i]));
    }
  }
  out.limits = shown.limits;
  out.extent = extent_of(values);
  out.colormap = Colormap::kGray;
  out.degenerate = shown.degenerate;
  out.why = std::move(shown.why);
  return out;
}

}  // namespace cutaway::explain
