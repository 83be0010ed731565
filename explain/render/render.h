#pragma once

#include <span>
#include <string>

#include "explain/pictures/image.h"
#include "explain/pictures/resample.h"
#include "explain/render/colormap.h"
#include "explain/render/normalize.h"

namespace cutaway::explain {

/// out = round(image * photo + heat * colour), clipped to 0..255, a channel at a time. The default
/// is an alpha blend; the demos released with CAM (Zhou et al. 2016) use 0.2 / 0.7 (MATLAB) and 0.5
/// / 0.3 (Python).
struct Blend {
  float image{0.5F}, heat{0.5F};
  /// The alpha blend with this heat weight: image = 1 - heat.
  static Blend alpha(float heat_weight) { return {1.0F - heat_weight, heat_weight}; }
};

/// How a map is shown.
struct Style {
  Colormap colormap{Colormap::kTurbo};
  Normalization normalization{};
  Resample resample{Resample::kBilinear};  ///< to the size of the photo, before normalising
  Blend blend{};

  /// Blue - white - red, limits symmetric about 0; q < 1 clips at that quantile of |v|.
  static Style signed_map(double q = 1.0) {
    return {Colormap::kSigned, Normalization::symmetric(q), Resample::kBilinear, {}};
  }
};

/// A picture and what is needed to read it.
struct Rendered {
  Image image;
  Limits limits;  ///< the data values at the two ends of the colour map
  Limits extent;  ///< least and greatest value; what is beyond the limits has the ends' colours
  Colormap colormap{Colormap::kTurbo};
  bool degenerate{false};  ///< nothing could be scaled; the picture is blank (see Normalized)
  std::string why;         ///< one clause for the warning, empty unless degenerate
};

/// The map in colours, at the map's own size. Throws like normalize.
[[nodiscard]] Rendered colorize(const Map& map, const Style& style = {});

/// The map in colours, resampled to width x height and then normalised: in this order, as Zhou et
/// al. (2016) do it.
[[nodiscard]] Rendered colorize(const Map& map, int width, int height, const Style& style = {});

/// The map over `photo`: resampled to the photo's size, normalised, coloured, blended. The limits
/// are those of the resampled map, the data that is shown.
[[nodiscard]] Rendered overlay(const Image& photo, const Map& map, const Style& style = {});

/// The same where the map covers only part of the photo (the crop that the net saw): the rest of
/// the photo is left as it is. Throws kShape unless `where` lies inside the photo.
[[nodiscard]] Rendered overlay_part(const Image& photo,
                                    const Map& map,
                                    const Rect& where,
                                    const Style& style = {});

/// Blends two pictures of the same size; throws kShape otherwise.
[[nodiscard]] Image blend(const Image& photo, const Image& heat, const Blend& weights);

/// How signed values with colour channels (deconvnet projections, gradients, filters) become a
/// picture.
struct Reconstruction {
  bool bgr{false};         ///< the channels are B, G, R and are put in order
  double quantile{0.995};  ///< of |v|, where the contrast is clipped; 1 = no clipping
  /// > 0: the scale |v| that becomes full contrast, shared by several tiles; 0: this tile's own.
  float scale{0};
};

/// `values`: channels x height x width, channels 1 or 3. Each becomes round(255 (0.5 + v / (2 s +
/// 1e-10))) with one scale s for all the channels, so that zero is mid-grey (128) and hues are
/// kept. `limits` are -s and s. Throws kShape when the extents do not fit, kUsage like normalize.
[[nodiscard]] Rendered reconstruct(std::span<const float> values,
                                   int channels,
                                   int height,
                                   int width,
                                   const Reconstruction& options = {});

}  // namespace cutaway::explain
