#pragma once

#include <algorithm>
#include <vector>

namespace cutaway::explain {

/// What numbers a net takes for black and white, a channel each, and in which order its colours
/// stand.
struct PixelSpace {
  std::vector<float> black, white;
  bool bgr{false};

  /// The mean length of one grey level of 255 in the net's numbers: 1 for Caffe's nets, 0.017 for
  /// torchvision's.
  [[nodiscard]] double unit() const {
    double sum = 0.0;
    for (std::size_t c = 0; c < black.size(); ++c) {
      sum += static_cast<double>(white[c]) - static_cast<double>(black[c]);
    }
    return sum / 255.0 / static_cast<double>(black.size());
  }
  [[nodiscard]] float low(std::size_t c) const { return std::min(black[c], white[c]); }
  [[nodiscard]] float high(std::size_t c) const { return std::max(black[c], white[c]); }
};

}  // namespace cutaway::explain
