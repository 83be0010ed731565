#include "explain/runs/crops.h"

#include <cmath>

#include "explain/pictures/preprocess.h"
#include "runtime/error.h"

namespace cutaway::explain {
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

NamedValues TenCrops::fields() const {
  NamedValues all{{"crops", kTenCrops},
                  {"crop_order", to_string(plan.order)},
                  {"crop_merge", to_string(plan.merge)},
                  {"crop_size", std::int64_t{plan.size}},
                  {"crop_resample", to_string(plan.resample)}};
  for (NamedValue field : fields_of(frame)) {
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
  ten.plan.order = parse_crop_order(o.order);
  ten.plan.merge = parse_crop_merge(o.merge);
  ten.plan.resample = parse_resample(o.resample);
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

void fill_crops(const Image& frame, const TenCrops& crops, View<float> batch, std::int64_t n) {
  const auto windows = ten_crops(crops.plan.frame, crops.plan.size, crops.plan.order);
  std::int64_t row = kTenCrops * n;
  for (const CropWindow& window : windows) {
    fill_input(cut_crop(frame, window, crops.plan.size), crops.frame, batch, row++);
  }
}

}  // namespace cutaway::explain
