#pragma once

#include <span>
#include <string>
#include <string_view>

#include "runtime/shape.h"
#include "weights/preprocess.h"

namespace cutaway::weights {

struct PreprocessPreset {
  const char* name;
  const char* summary;
};

/// All presets, for --help:
///   caffe         BGR, 0..255, minus (104, 117, 123); short side 256/227 of the input's, centre
///                 crop
///   caffe-vgg     the same, minus (103.939, 116.779, 123.68)
///   torchvision   RGB, /255, minus (.485, .456, .406), / (.229, .224, .225); short side 256/224 of
///                 the input's, centre crop
///   keras         BGR, 0..255, minus (103.939, 116.779, 123.68); warped (keras-applications'
///                 "caffe" mode)
///   tf            RGB, x / 127.5 - 1; warped (keras-applications' "tf" mode)
///   unit          RGB, 0..1; warped
///   raw           RGB, 0..255; warped
///   none          undeclared: the package cannot be given pictures
/// Warped: resized to the input's extents, whatever the aspect ratio.
[[nodiscard]] std::span<const PreprocessPreset> preprocess_presets();

/// The preset of that name for a net whose input is `input` (1 x C x H x W); grey for C = 1, where
/// means and deviations are those of luminance. Nets of at most 64 pixels a side take the whole
/// picture, not a crop. Throws kUsage with the nearest names for an unknown one, and when the input
/// has neither 1 nor 3 channels.
[[nodiscard]] Preprocess preprocess_preset(std::string_view name, const Shape& input);

}  // namespace cutaway::weights
