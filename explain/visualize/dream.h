#pragma once

#include "explain/visualize/ascent.h"

namespace cutaway::explain {

/// DeepDream (Mordvintsev et al. 2015): ascent on a photograph, octave by octave from coarse to
/// fine; what one octave added is enlarged and added to the next.
struct DreamOptions {
  std::int64_t octaves{4};
  double octave_scale{1.4};
  std::int64_t steps{10};   ///< an octave
  double rate{1.5};         ///< mean change of a step, in grey levels
  std::int64_t jitter{32};  ///< the picture is rolled by up to so many pixels before every step
  bool clip{true};
  std::uint64_t seed{0};
};

/// `start` 1 x C x h x w, as the net takes it; `node` is dreamt about. Octaves smaller than the
/// layer allows throw kShape. The observer hears all octaves' steps as "ascent".
[[nodiscard]] Ascended dream(const Model& model,
                             NodeId node,
                             const Tensor& start,
                             const Objective& objective,
                             const PixelSpace& pixels,
                             const DreamOptions& options,
                             Stream stream,
                             const kernels::EngineOptions& engines = {},
                             const Watch& watch = {},
                             Observer& observer = silent_observer());

/// One step: x + rate * unit / mean|g| * g after the roll (down, right), rolled back; unclipped.
/// Returns the objective before it; 0 gradient leaves x as it is.
double dream_step(LayerScore& score,
                  const Objective& objective,
                  Tensor& x,
                  double rate,
                  std::int64_t down,
                  std::int64_t right);

/// The picture without a border of `share` of its extents, enlarged to its size: the next frame of
/// an endless zoom.
[[nodiscard]] Tensor zoom_in(const Tensor& picture, double share);

}  // namespace cutaway::explain
