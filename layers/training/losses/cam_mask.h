#pragma once

#include <cstdint>
#include <span>

#include "layers/model.h"

namespace cutaway {

/// Class activation maps of the true classes as masks in [0, 1] (Zhou et al. 2016): M = sum over
/// channels of w[class, channel] A[channel], then (M - min) / (max - min); 1 everywhere where M is
/// constant. Recomputed from the present weights whenever asked, and constant for the gradient.
class CamMask {
 public:
  /// Throws kUnsupported unless the network pools `layer`'s maps globally and scores them with one
  /// dense layer or 1x1 convolution.
  CamMask(const Graph& graph, NodeId layer);
  /// `threshold` above 0: 1 where the mask is at least that, else 0. maps: n x c x h x w plain, on
  /// the CPU; the result is n x 1 x h x w.
  [[nodiscard]] Tensor masks(const Tensor& maps,
                             std::span<const std::int32_t> labels,
                             const Parameters& parameters,
                             float threshold) const;

 private:
  NodeId weights_;
};

}  // namespace cutaway
