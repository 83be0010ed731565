#pragma once

#include <array>
#include <cstdint>
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

/// All presets, for --help.
///
///   name         pixels                                                 geometry
///   caffe        BGR, 0..255, minus (104, 117, 123)                     caffe_preprocess()
///   caffe-vgg    BGR, 0..255, minus (103.939, 116.779, 123.68)          vgg_preprocess()
///   torchvision  RGB, 0..1, ImageNet mean and deviation                 short side 256/224, crop
///   keras        as caffe-vgg (keras-applications' mode "caffe")        warped
///   tf           RGB, x / 127.5 - 1 (keras-applications' mode "tf")     warped
///   unit         RGB, 0..1                                              warped
///   raw          RGB, 0..255                                            warped
///   none         undeclared: the package cannot be given pictures
[[nodiscard]] std::span<const PreprocessPreset> preprocess_presets();

/// What BVLC's nets expect, by every road of import: the picture warped to 256 x 256 whatever its
/// aspect ratio, bilinear without antialias (caffe/tools/convert_imageset.cpp as
/// examples/imagenet/create_imagenet.sh calls it, which is OpenCV's resize), and the centre cut out
/// of it, at floor((256 - side) / 2) (caffe/src/caffe/data_transformer.cpp). Inputs far from 224
/// pixels have a frame in proportion, 256/227; of at most 64, no frame: the whole picture. BGR,
/// minus `mean` (blue, green, red). `side` is the larger one of the input.
[[nodiscard]] Preprocess caffe_preprocess(std::int32_t side, const std::array<float, 3>& mean);

/// What the VGG nets expect: the shorter side to 256, aspect ratio kept (Simonyan & Zisserman 2015,
/// 3.1 and 3.2, with Q = S = 256), the centre cut out, BGR minus (103.939, 116.779, 123.68), which
/// are the authors' (gist.github.com/ksimonyan/211839e770f7b538e2d8).
[[nodiscard]] Preprocess vgg_preprocess(std::int32_t side);

/// The preset of that name for a net whose input is `input` (1 x C x H x W); grey for C = 1, where
/// means and deviations are those of luminance. Nets of at most 64 pixels a side take the whole
/// picture, not a crop. Throws kUsage with the nearest names for an unknown one, and when the input
/// has neither 1 nor 3 channels.
[[nodiscard]] Preprocess preprocess_preset(std::string_view name, const Shape& input);

}  // namespace cutaway::weights
