#pragma once

#include <optional>
#include <string>

#include "explain/render/render.h"
#include "explain/runs/cell.h"
#include "weights/preprocess.h"

namespace cutaway::explain {

/// Choices of a user about pictures; the defaults follow the field's conventions.
struct PaintOptions {
  Colormap colormap{Colormap::kTurbo};
  float heat_weight{0.5f};
  double clip{0.99};  ///< quantile at which gradients' pictures saturate
};

/// One map as a picture the size of `photo`, and as a figure: photo, overlay and colour bar.
struct Painted {
  Rendered colors;        ///< the map alone, in colours
  bool over_photo{true};  ///< the colours are meant to lie over the photo
};

/// Paints a map: heat from 0 to its maximum (or clipping quantile), scores from least to greatest,
/// signed maps blue-white-red about 0, reconstructions as colours about mid-grey. `limits` (or,
/// without them, the cell's own) replace the scale found in the map.
[[nodiscard]] Painted paint(const MapCell& cell,
                            const Image& photo,
                            const weights::Preprocess& rule,
                            const PaintOptions& options,
                            const std::optional<Limits>& limits = {});

/// What is written beside the raw map: the photo under the colours, and a colour bar.
[[nodiscard]] Image figure(const Painted& painted, const Image& photo, const PaintOptions& options);

/// The scale that paint() finds in the map itself.
[[nodiscard]] Limits natural_limits(const MapCell& cell, const PaintOptions& options);

/// A scale that holds both: from the lower low to the higher high; symmetric scales stay symmetric.
[[nodiscard]] Limits widest(const Limits& a, const Limits& b);

}  // namespace cutaway::explain
