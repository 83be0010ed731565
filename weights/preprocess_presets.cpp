#include "weights/preprocess_presets.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "layers/graph.h"
#include "runtime/error.h"

namespace cutaway::weights {
namespace {

constexpr std::array kPresets{
    PreprocessPreset{"caffe", "BGR, 0..255 minus (104, 117, 123), warped to 256, centre"},
    PreprocessPreset{"caffe-vgg", "BGR, 0..255 minus (103.939, 116.779, 123.68), side 256, centre"},
    PreprocessPreset{"torchvision", "RGB, 0..1, ImageNet mean and deviation"},
    PreprocessPreset{"keras", "BGR, 0..255 minus (103.939, 116.779, 123.68), warped"},
    PreprocessPreset{"tf", "RGB, -1..1, warped"},
    PreprocessPreset{"unit", "RGB, 0..1, warped"},
    PreprocessPreset{"raw", "RGB, 0..255, warped"},
    PreprocessPreset{"none", "undeclared: no pictures can be given to the model"},
};

// Nets for thumbnails see the whole of them.
constexpr std::int64_t kThumbnail = 64;

void warp(Preprocess& p, const Shape& input) {
  p.resize = ResizeRule::kWarp;
  p.width = static_cast<std::int32_t>(input.w);
  p.height = static_cast<std::int32_t>(input.h);
}

// The frame that an input of `side` pixels is cut out of: 256 for those of ImageNet's nets, `ratio`
// times the side for others.
std::int32_t frame_of(std::int32_t side, double ratio) {
  constexpr std::int32_t kFrame = 256, kLeast = 200;
  if (side >= kLeast && side <= kFrame) return kFrame;
  return static_cast<std::int32_t>(std::lround(static_cast<double>(side) * ratio));
}

void crop_center(Preprocess& p, std::int32_t width, std::int32_t height, CropOffset offset) {
  p.crop = CropRule::kCenter;
  p.crop_width = width;
  p.crop_height = height;
  p.crop_offset = offset;
}

void short_side(Preprocess& p, std::int32_t side) {
  p.resize = ResizeRule::kShortSide;
  p.short_side = side;
}

// A grey net of the same convention: weights of luminance over the colours' numbers.
void make_grey(Preprocess& p) {
  const bool bgr = p.order == ColorOrder::kBgr;
  const auto luminance = [&](const std::array<float, 3>& v) {
    return 0.299F * v[bgr ? 2 : 0] + 0.587F * v[1] + 0.114F * v[bgr ? 0 : 2];
  };
  p.mean = {luminance(p.mean), 0.0F, 0.0F};
  p.std = {luminance(p.std), 1.0F, 1.0F};
  p.order = ColorOrder::kGray;
}

}  // namespace

std::span<const PreprocessPreset> preprocess_presets() { return kPresets; }

Preprocess caffe_preprocess(std::int32_t side, const std::array<float, 3>& mean) {
  Preprocess p;
  p.order = ColorOrder::kBgr;
  p.mean = mean;
  p.resize = ResizeRule::kWarp;
  p.width = p.height = side <= kThumbnail ? side : frame_of(side, 256.0 / 227.0);
  p.interpolation = Interpolation::kBilinear;
  crop_center(p, side, side, CropOffset::kFloor);
  return p;
}

Preprocess vgg_preprocess(std::int32_t side) {
  Preprocess p;
  p.order = ColorOrder::kBgr;
  p.mean = {103.939F, 116.779F, 123.68F};
  short_side(p, frame_of(side, 256.0 / 224.0));
  p.interpolation = Interpolation::kBilinearPil;
  crop_center(p, side, side, CropOffset::kFloor);
  return p;
}

Preprocess preprocess_preset(std::string_view name, const Shape& input) {
  std::vector<std::string> names;
  for (const PreprocessPreset& preset : kPresets) names.emplace_back(preset.name);
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    std::string hint = "did you mean";
    for (const std::string& near : nearest_names(name, names)) hint += " '" + near + "'";
    throw Error(ErrorKind::kUsage,
                "unknown preprocessing '" + std::string(name.substr(0, 64)) + "'")
        .hint(hint);
  }
  Preprocess p;
  p.interpolation = Interpolation::kBilinearPil;
  if (name == "none") {
    p.declared = false;
    return p;
  }
  if (input.c != 1 && input.c != 3) {
    throw Error(ErrorKind::kUsage, "pictures have 1 or 3 channels, the net's input another number")
        .got(to_string(input))
        .hint("--preprocess none");
  }
  const auto side = static_cast<std::int32_t>(std::max(input.h, input.w));
  const bool thumbnail = side <= kThumbnail;
  if (name == "caffe") p = caffe_preprocess(side, {104.0F, 117.0F, 123.0F});
  if (name == "caffe-vgg" || name == "keras") p = vgg_preprocess(side);
  if (name == "torchvision" || name == "unit") p.scale = 1.0F / 255.0F;
  if (name == "torchvision") {
    p.mean = {0.485F, 0.456F, 0.406F};
    p.std = {0.229F, 0.224F, 0.225F};
  }
  if (name == "tf") p.mean = p.std = {127.5F, 127.5F, 127.5F};
  const bool crops = name == "torchvision" || name == "caffe" || name == "caffe-vgg";
  if (thumbnail || !crops) {
    p.crop = CropRule::kNone;
    p.short_side = p.crop_width = p.crop_height = 0;
    warp(p, input);
  } else if (name == "torchvision") {
    short_side(p, frame_of(side, 256.0 / 224.0));
  }
  if (!thumbnail && crops) {
    crop_center(p, static_cast<std::int32_t>(input.w), static_cast<std::int32_t>(input.h),
                name == "torchvision" ? CropOffset::kHalfEven : CropOffset::kFloor);
  }
  if (input.c == 1) make_grey(p);
  return p;
}

}  // namespace cutaway::weights
