#pragma once

#include <span>
#include <vector>

#include "explain/localization/guess.h"
#include "explain/pictures/resample.h"
#include "weights/preprocess.h"

namespace cutaway::explain {

/// One picture between three systems of coordinates: the file's pixels, the part of it that the net
/// sees, and the working picture on which boxes are looked for (that part, scaled so that its
/// longer side has at most `side` pixels).
class LocalScene {
 public:
  /// `rule` ends at what the net sees: the package's, or that of a frame of crops. side 0: no
  /// limit.
  LocalScene(const Image& file, const weights::Preprocess& rule, int side);

  [[nodiscard]] const Image& picture() const noexcept { return picture_; }
  [[nodiscard]] double width() const noexcept { return width_; }  ///< of the file
  [[nodiscard]] double height() const noexcept { return height_; }

  /// A map of what the net sees, on the working picture.
  [[nodiscard]] std::vector<float> enlarge(const Map& map, Resample how) const;
  /// A box of the working picture in the file: the pixels that it covers.
  [[nodiscard]] RealBox in_file(const Box& box) const;
  /// A box of the file in the working picture, clipped to it.
  [[nodiscard]] Rect in_picture(const RealBox& box) const;
  /// True boxes in a side x side picture of the part that is seen; what lies outside of it is cut
  /// off.
  [[nodiscard]] std::vector<Box> scaled(std::span<const RealBox> boxes, int side) const;

 private:
  double width_, height_;
  Rect seen_;
  Image picture_;
};

}  // namespace cutaway::explain
