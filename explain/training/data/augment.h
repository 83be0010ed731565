#pragma once

#include <cstdint>

#include "explain/pictures/image.h"
#include "layers/training/recipe.h"
#include "weights/preprocess.h"

namespace cutaway::training {

/// What is done to one picture at one time.
struct AugmentationDraw {
  bool cropped{false};
  explain::Rect part{};  ///< of the original picture, where cropped
  bool mirrored{false};
  /// The picture in its frame: magnified by `scale` about its centre, then turned counter-clockwise
  /// by `degrees`, then moved by (right, down) pixels. What comes in from outside repeats the edge.
  double scale{1}, degrees{0}, right{0}, down{0};
  double brightness{1}, contrast{1}, saturation{1};

  friend bool operator==(const AugmentationDraw&, const AugmentationDraw&) = default;
};

/// A function of (seed, epoch, picture) and the picture's size alone. Random crops as
/// torchvision's RandomResizedCrop: ten tries of an area and a log-uniform aspect ratio, then the
/// largest centred part within the aspect ratios.
[[nodiscard]] AugmentationDraw draw_augmentation(const Augmentation& augmentation,
                                                 int width,
                                                 int height,
                                                 std::uint64_t seed,
                                                 std::int64_t epoch,
                                                 std::int64_t picture);

/// The picture as the net will see it in training: cut out and resized (or as `rule` says, where it
/// is not cropped), mirrored, moved, and its colours changed as torchvision's adjust_brightness,
/// adjust_contrast and adjust_saturation do on Pillow's images, in that order, 8 bits between them.
/// width, height: of the net's input.
[[nodiscard]] explain::Image augmented(const explain::Image& image,
                                       const weights::Preprocess& rule,
                                       const AugmentationDraw& draw,
                                       int width,
                                       int height);

}  // namespace cutaway::training
