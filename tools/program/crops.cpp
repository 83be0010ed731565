#include "tools/program/crops.h"

#include <CLI/CLI.hpp>
#include <cmath>

#include "runtime/error.h"
#include "tools/images/preprocess.h"

namespace cutaway::tools {
namespace {

weights::Preprocess frame_rule(const CropOptions& o, const weights::Preprocess& rule, int side) {
  if (o.resize != "package" && o.resize != "warp") {
    throw Error(ErrorKind::kUsage, "--crop-resize").expected("package or warp").got(o.resize);
  }
  weights::Preprocess frame = rule;
  frame.crop = weights::CropRule::kNone;
  frame.width = frame.height = side;
  if (o.resize == "warp" || rule.resize == weights::ResizeRule::kNone) {
    frame.resize = weights::ResizeRule::kWarp;
    frame.interpolation = weights::Interpolation::kBilinearMatlab;
  } else if (rule.resize == weights::ResizeRule::kShortSide) {
    frame.short_side = side;
    frame.crop = weights::CropRule::kCenter;
    frame.crop_width = frame.crop_height = side;
  }
  return frame;
}

}  // namespace

void add_crop_options(CLI::App& verb, CropOptions& o) {
  verb.add_option("--crops", o.crops,
                  "one: the net's own crop; ten: corners, middle and mirrors of a frame")
      ->capture_default_str();
  verb.add_option("--crop-merge", o.merge,
                  "maps of ten crops: coverage_mean, authors (CAM's), plain")
      ->capture_default_str();
  verb.add_option("--crop-order", o.order, "matlab, pycaffe, torchvision")->capture_default_str();
  verb.add_option(
          "--crop-frame", o.frame,
          "side of the frame (default: 256 for nets of 192 to 255 pixels, or 8/7 of the net's)")
      ->check(CLI::Range(1, 16384));
  verb.add_option("--crop-resize", o.resize,
                  "to the frame: package (as its rule) or warp (whatever the aspect ratio)")
      ->capture_default_str();
  verb.add_option("--crop-resample", o.resample,
                  "a crop's map to its size: bilinear, cubic-matlab (CAM's) ...")
      ->capture_default_str();
}

Fields TenCrops::fields() const {
  Fields all{{"crops", explain::kTenCrops},
             {"crop_order", explain::to_string(plan.order)},
             {"crop_merge", explain::to_string(plan.merge)},
             {"crop_size", std::int64_t{plan.size}},
             {"crop_resample", explain::to_string(plan.resample)}};
  for (Field field : fields_of(frame)) {
    field.name = "frame_" + field.name;
    all.push_back(std::move(field));
  }
  return all;
}

std::optional<TenCrops> choose_crops(const CropOptions& o,
                                     const weights::Preprocess& rule,
                                     const Shape& input) {
  if (o.crops != "one" && o.crops != "ten") {
    throw Error(ErrorKind::kUsage, "--crops").expected("one or ten").got(o.crops);
  }
  TenCrops ten;
  ten.plan.order = explain::parse_crop_order(o.order);
  ten.plan.merge = explain::parse_crop_merge(o.merge);
  ten.plan.resample = explain::parse_resample(o.resample);
  if (o.crops == "one") return std::nullopt;
  if (input.h != input.w) {
    throw Error(ErrorKind::kUnsupported, "ten crops are made for nets with a square input")
        .got(to_string(input));
  }
  const auto size = static_cast<int>(input.w);
  const bool usual = size >= 192 && size < 256;
  const auto side = o.frame > 0 ? static_cast<int>(o.frame)
                    : usual     ? 256
                                : static_cast<int>(std::lround(size * 8.0 / 7.0));
  if (side < size) {
    throw Error(ErrorKind::kUsage, "--crop-frame")
        .expected("at least the net's " + std::to_string(size))
        .got(std::to_string(side));
  }
  ten.plan.frame = side;
  ten.plan.size = size;
  ten.frame = frame_rule(o, rule, side);
  return ten;
}

void fill_crops(const explain::Image& frame,
                const TenCrops& crops,
                View<float> batch,
                std::int64_t n) {
  const auto windows = explain::ten_crops(crops.plan.frame, crops.plan.size, crops.plan.order);
  std::int64_t row = explain::kTenCrops * n;
  for (const explain::CropWindow& window : windows) {
    fill_input(explain::cut_crop(frame, window, crops.plan.size), crops.frame, batch, row++);
  }
}

}  // namespace cutaway::tools
