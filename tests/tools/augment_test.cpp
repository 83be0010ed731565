// What is done to a training picture, against torchvision, Pillow and torch (tests/golden/augment.h5).

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "explain/training/data/augment.h"
#include "tests/support/source_dir.h"
#include "weights/hdf5_file.h"

using namespace cutaway;
using namespace cutaway::training;
using Json = nlohmann::json;

namespace {

const weights::Hdf5File& bundle() {
  static const auto file = weights::Hdf5File::open(source_dir() + "/tests/golden/augment.h5");
  return file;
}

std::vector<float> values(const std::string& path) { return bundle().read_f32(path, 1 << 16); }

explain::Image recorded_picture() {
  explain::Image image = explain::make_image(23, 17);
  const std::vector<float> stored = values("/picture");
  REQUIRE(stored.size() == image.rgb.size());
  for (std::size_t i = 0; i < stored.size(); ++i)
    image.rgb[i] = static_cast<std::uint8_t>(stored[i]);
  return image;
}

std::map<std::string, Json> cases(const std::string& group) {
  std::map<std::string, Json> all;
  for (const weights::Hdf5Child& child : bundle().children(group)) {
    all[child.name] =
        Json::parse(bundle().read_attribute_text(group + "/" + child.name, "options", 1000));
  }
  return all;
}

weights::Preprocess pil_rule() {
  weights::Preprocess rule;
  rule.interpolation = weights::Interpolation::kBilinearPil;
  return rule;
}

/// Largest distance of a byte from what was recorded.
double distance(const explain::Image& got, const std::vector<float>& want) {
  REQUIRE(got.rgb.size() == want.size());
  double worst = 0.0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double d = std::fabs(static_cast<double>(got.rgb[i]) - static_cast<double>(want[i]));
    if (!(d <= worst)) worst = d;
  }
  return worst;
}

}  // namespace

TEST_CASE("augmentation golden: crops and colours are torchvision's, byte for byte") {
  const explain::Image picture = recorded_picture();
  const auto crops = cases("/crops");
  REQUIRE(crops.size() == 3);
  for (const auto& [name, o] : crops) {
    CAPTURE(name);
    AugmentationDraw d;
    d.cropped = true;
    d.part = {o[0], o[1], o[2], o[3]};
    CHECK(distance(augmented(picture, pil_rule(), d, o[4], o[5]),
                   values("/crops/" + name + "/picture")) == 0.0);
  }
  const auto colours = cases("/colours");
  REQUIRE(colours.size() == 7);
  for (const auto& [name, o] : colours) {
    CAPTURE(name);
    AugmentationDraw d;
    d.brightness = o[0];
    d.contrast = o[1];
    d.saturation = o[2];
    CHECK(distance(augmented(picture, pil_rule(), d, 23, 17),
                   values("/colours/" + name + "/picture")) == 0.0);
  }
}

TEST_CASE("augmentation golden: motions are torch's grid_sample with repeated edges") {
  const explain::Image picture = recorded_picture();
  const auto motions = cases("/motions");
  REQUIRE(motions.size() == 5);
  for (const auto& [name, o] : motions) {
    CAPTURE(name);
    AugmentationDraw d;
    d.scale = o[0];
    d.degrees = o[1];
    d.right = o[2];
    d.down = o[3];
    // Rounding to a byte; recorded in float32.
    CHECK(distance(augmented(picture, pil_rule(), d, 23, 17),
                   values("/motions/" + name + "/picture")) <= 0.5 + 2e-5);
  }
}

TEST_CASE(
    "augmentation: draws are functions of seed, epoch and picture, and stay in their ranges") {
  Augmentation a;
  a.crop = true;
  a.crop_area[0] = 0.3f;
  a.flip = 0.5f;
  a.shift = 2;
  a.scale[0] = 0.9f;
  a.scale[1] = 1.2f;
  a.rotation = 10.0f;
  a.brightness = 0.4f;
  std::set<int> mirrored;
  std::set<double> shifts;
  double area_sum = 0.0;
  for (std::int64_t i = 0; i < 500; ++i) {
    const AugmentationDraw d = draw_augmentation(a, 60, 40, 7, i % 5, i);
    CHECK(d == draw_augmentation(a, 60, 40, 7, i % 5, i));
    CHECK(!(d == draw_augmentation(a, 60, 40, 8, i % 5, i)));
    CHECK(!(d == draw_augmentation(a, 60, 40, 7, i % 5 + 1, i)));
    CHECK(d.part.x >= 0);
    CHECK(d.part.y >= 0);
    CHECK(d.part.x + d.part.width <= 60);
    CHECK(d.part.y + d.part.height <= 40);
    const double area = static_cast<double>(d.part.width) * d.part.height / 2400.0;
    CHECK(area >= 0.27);  // 0.3, rounded to whole pixels
    area_sum += area;
    CHECK(std::fabs(d.degrees) <= 10.0);
    CHECK(d.scale >= 0.9 - 1e-6);
    CHECK(d.scale <= 1.2 + 1e-6);
    CHECK(d.brightness >= 0.6 - 1e-6);
    CHECK(d.brightness <= 1.4 + 1e-6);
    CHECK(d.contrast == 1.0);
    mirrored.insert(d.mirrored ? 1 : 0);
    shifts.insert(d.right);
  }
  CHECK(mirrored.size() == 2);
  CHECK(shifts == std::set<double>{-2, -1, 0, 1, 2});
  CHECK(area_sum / 500 > 0.5);
  CHECK(area_sum / 500 < 0.75);
}
