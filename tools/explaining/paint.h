#pragma once

#include <string>

#include "explain/explanation.h"
#include "explain/render/render.h"
#include "weights/preprocess.h"

namespace cutaway::tools {

/// Choices of a user about pictures; the defaults follow the field's conventions.
struct PaintOptions {
  explain::Colormap colormap{explain::Colormap::kTurbo};
  float heat_weight{0.5f};
  double clip{0.99};  ///< quantile at which gradients' pictures saturate
};

/// One map as a picture the size of `photo`, and as a figure: photo, overlay and colour bar.
struct Painted {
  explain::Rendered colors;  ///< the map alone, in colours
  explain::Image figure;     ///< what is written beside the raw map
  bool over_photo{true};     ///< the colours are meant to lie over the photo
};

/// Paints image n of an explanation. Heat is shown from 0 to its maximum (or clipping quantile), scores from least to
/// greatest, signed maps blue-white-red about 0, reconstructions as colours about mid-grey.
[[nodiscard]] Painted paint(const explain::Explanation& explanation, std::int64_t n,
                            const explain::Image& photo, const weights::Preprocess& rule,
                            const PaintOptions& options);

}  // namespace cutaway::tools
