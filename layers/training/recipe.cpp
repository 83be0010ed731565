#include "layers/training/recipe.h"

#include <cmath>

#include "runtime/error.h"

namespace cutaway {
namespace {

void within(const char* name, double value, double least, double most) {
  if (value >= least && value <= most) return;
  char range[96];
  std::snprintf(range, sizeof range, "%g to %g", least, most);
  throw Error(ErrorKind::kUsage, name).at("recipe").expected(range).got(std::to_string(value));
}

void rising(const char* name, const float (&range)[2], double least, double most) {
  within(name, double{range[0]}, least, most);
  within(name, double{range[1]}, double{range[0]}, most);
}

void validate_augmentation(const Augmentation& a) {
  rising("augmentation: crop_area", a.crop_area, 1e-3, 1.0);
  rising("augmentation: crop_aspect", a.crop_aspect, 0.01, 100.0);
  rising("augmentation: scale", a.scale, 0.05, 20.0);
  within("augmentation: flip", double{a.flip}, 0.0, 1.0);
  within("augmentation: shift", static_cast<double>(a.shift), 0.0, 10000.0);
  within("augmentation: rotation", double{a.rotation}, 0.0, 180.0);
  within("augmentation: brightness", double{a.brightness}, 0.0, 1.0);
  within("augmentation: contrast", double{a.contrast}, 0.0, 1.0);
  within("augmentation: saturation", double{a.saturation}, 0.0, 1.0);
}

}  // namespace

void Recipe::validate() const {
  within("epochs", static_cast<double>(epochs), 0, 1e6);
  within("batch", static_cast<double>(batch), 1, 1 << 20);
  within("balanced classes", static_cast<double>(balanced_classes), 0, 1 << 16);
  within("balanced pictures a class", static_cast<double>(balanced_each), 0, 1 << 16);
  if ((balanced_classes > 0) != (balanced_each > 0))
    throw Error(ErrorKind::kUsage, "balanced batches")
        .at("recipe")
        .expected("classes and pictures a class");
  within("validation", validation, 0.0, 0.9);
  within("mixup", double{mixup}, 0.0, 100.0);
  within("cutout", static_cast<double>(cutout), 0, 1 << 14);
  within("average_decay", double{average_decay}, 0.0, 0.999999);
  within("filter_radius", filter_radius, 0.0, 1e6);
  validate_augmentation(augmentation);
  if (losses.empty())
    throw Error(ErrorKind::kUsage, "losses").at("recipe").expected("at least one");
  // Their own checks.
  (void)Schedule(schedule, 1, 1);
}

}  // namespace cutaway
