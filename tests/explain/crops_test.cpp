// Ten crops and their merges.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "explain/crops/merge_crops.h"
#include "runtime/error.h"

using namespace cutaway;
using namespace cutaway::explain;

namespace {

/// Ten maps of `size`, value(window, x, y) with x and y in the crop as the net sees it.
template <class F>
Tensor ten_maps(const CropPlan& plan, F value) {
  Tensor maps = zeros({kTenCrops, 1, plan.size, plan.size});
  const auto windows = ten_crops(plan.frame, plan.size, plan.order);
  std::size_t at = 0;
  for (const CropWindow& w : windows) {
    for (int y = 0; y < plan.size; ++y) {
      for (int x = 0; x < plan.size; ++x) maps.f32()[at++] = value(w, x, y);
    }
  }
  return maps;
}

float at(const Tensor& map, int y, int x) { return map.ref().in().at(0, 0, y, x); }

}  // namespace

TEST_CASE("where the ten crops stand, in three orders") {
  using W = std::vector<CropWindow>;
  CHECK(ten_crops(256, 224, CropOrder::kMatlab) == W{{0, 0, false},
                                                     {0, 32, false},
                                                     {32, 0, false},
                                                     {32, 32, false},
                                                     {16, 16, false},
                                                     {0, 0, true},
                                                     {0, 32, true},
                                                     {32, 0, true},
                                                     {32, 32, true},
                                                     {16, 16, true}});
  const W caffe = ten_crops(256, 227, CropOrder::kPycaffe);
  CHECK(caffe[1] == CropWindow{29, 0, false});
  CHECK(caffe[2] == CropWindow{0, 29, false});
  CHECK(caffe[4] == CropWindow{14, 14, false});
  CHECK(caffe[6] == CropWindow{29, 0, true});
  CHECK(ten_crops(256, 227, CropOrder::kMatlab)[4] == CropWindow{15, 15, false});
  // torchvision crops the mirrored frame: its sixth is the upper right corner, seen mirrored.
  const W torch = ten_crops(256, 227, CropOrder::kTorchvision);
  CHECK(torch[4] == CropWindow{14, 14, false});  // 14.5 to the even neighbour
  CHECK(torch[5] == CropWindow{29, 0, true});
  CHECK(torch[6] == CropWindow{0, 0, true});
  CHECK(torch[9] == CropWindow{15, 14, true});
  CHECK(ten_crops(10, 7, CropOrder::kTorchvision)[4] == CropWindow{2, 2, false});  // 1.5
  CHECK_THROWS_AS((void)ten_crops(200, 224, CropOrder::kMatlab), Error);
  for (const CropOrder order : {CropOrder::kMatlab, CropOrder::kPycaffe, CropOrder::kTorchvision}) {
    CHECK(parse_crop_order(to_string(order)) == order);
  }
  CHECK_THROWS_AS((void)parse_crop_order("caffe"), Error);
}

TEST_CASE("a mirrored crop is the mirrored window") {
  Image frame = make_image(5, 5);
  for (int y = 0; y < 5; ++y) {
    for (int x = 0; x < 5; ++x) {
      frame.set(x, y, {static_cast<std::uint8_t>(x), static_cast<std::uint8_t>(y), 7});
    }
  }
  const Image cut = cut_crop(frame, {2, 1, true}, 3);
  CHECK(cut.at(0, 0) == Rgb{4, 1, 7});
  CHECK(cut.at(1, 0) == Rgb{3, 1, 7});
  CHECK(cut.at(2, 2) == Rgb{2, 3, 7});
  CHECK(cut_crop(frame, {2, 1, false}, 3).at(0, 0) == Rgb{2, 1, 7});
  CHECK_THROWS_AS((void)cut_crop(frame, {3, 1, false}, 3), Error);
}

TEST_CASE("maps of the frame's coordinate merge to that coordinate") {
  for (const CropOrder order : {CropOrder::kMatlab, CropOrder::kPycaffe, CropOrder::kTorchvision}) {
    CAPTURE(to_string(order));
    for (const int size : {224, 227}) {
      const CropPlan plan{256, size, order, CropMerge::kCoverageMean, Resample::kBilinear};
      const Tensor maps = ten_maps(plan, [&](const CropWindow& w, int x, int) {
        return static_cast<float>(w.x + (w.mirrored ? size - 1 - x : x));
      });
      const Tensor merged = merge_crops(maps, plan);
      REQUIRE(merged.shape() == Shape{1, 1, 256, 256});
      int wrong = 0;
      for (int y = 0; y < 256; ++y) {
        for (int x = 0; x < 256; ++x) wrong += at(merged, y, x) == static_cast<float>(x) ? 0 : 1;
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("the authors' merge of constant maps counts the crops three times") {
  CropPlan plan;
  plan.merge = CropMerge::kAuthors;
  const Tensor ones = ten_maps(plan, [](const CropWindow&, int, int) { return -1.0F; });
  const Tensor merged = merge_crops(ones, plan);
  CHECK(at(merged, 0, 0) == 6.0F);
  CHECK(at(merged, 255, 255) == 6.0F);
  CHECK(at(merged, 0, 128) == 12.0F);
  CHECK(at(merged, 128, 0) == 12.0F);
  CHECK(at(merged, 128, 128) == 30.0F);
  const std::set<float> values(merged.f32().begin(), merged.f32().end());
  CHECK(values == std::set<float>{6.0F, 12.0F, 18.0F, 30.0F});
  plan.merge = CropMerge::kCoverageMean;
  const Tensor mean = merge_crops(ones, plan);
  CHECK(std::ranges::all_of(mean.f32(), [](float v) { return v == -1.0F; }));
}

TEST_CASE("the plain merge neither moves nor mirrors") {
  CropPlan plan{12, 8, CropOrder::kMatlab, CropMerge::kPlain, Resample::kBilinear};
  const Tensor maps = ten_maps(
      plan, [](const CropWindow&, int x, int y) { return static_cast<float>(10 * y + x); });
  const Tensor merged = merge_crops(maps, plan);
  for (int y = 0; y < 12; ++y) {
    for (int x = 0; x < 12; ++x) {
      const bool inside = x >= 2 && x < 10 && y >= 2 && y < 10;
      CHECK(at(merged, y, x) == doctest::Approx(inside ? 10.0 * (y - 2) + x - 2 : 0.0));
    }
  }
}

TEST_CASE("crops: small maps are enlarged, batches and channels kept apart") {
  const CropPlan plan{8, 4, CropOrder::kPycaffe, CropMerge::kCoverageMean, Resample::kBilinear};
  Tensor maps = zeros({2 * kTenCrops, 2, 2, 2});
  for (std::size_t i = 0; i < maps.f32().size(); ++i) {
    maps.f32()[i] = i < maps.f32().size() / 2 ? 1.0F : 2.0F;
    if (i / 4 % 2 == 1) maps.f32()[i] *= 10.0F;
  }
  const Tensor merged = merge_crops(maps, plan);
  REQUIRE(merged.shape() == Shape{2, 2, 8, 8});
  const auto v = merged.ref().in();
  CHECK(v.at(0, 0, 3, 3) == 1.0F);
  CHECK(v.at(0, 1, 3, 3) == 10.0F);
  CHECK(v.at(1, 0, 3, 3) == 2.0F);
  CHECK(v.at(1, 1, 7, 0) == 20.0F);
  CHECK_THROWS_AS((void)merge_crops(zeros({11, 1, 2, 2}), plan), Error);
}

TEST_CASE("crops: classes are ranked by the mean of the probabilities") {
  // Nine crops are undecided, one is sure of class 1: its probability wins although class 0's
  // scores are higher.
  Tensor scores = zeros({kTenCrops, 3, 1, 1});
  for (std::size_t k = 0; k < 10; ++k) {
    scores.f32()[3 * k] = k == 0 ? 0.0F : 20.0F;
    scores.f32()[3 * k + 1] = k == 0 ? 50.0F : 19.9F;
    scores.f32()[3 * k + 2] = -5.0F;
  }
  const Tensor merged = merge_scores(scores);
  REQUIRE(merged.shape() == Shape{1, 3, 1, 1});
  double sum = 0.0;
  for (const float v : merged.f32()) sum += std::exp(static_cast<double>(v));
  CHECK(sum == doctest::Approx(1.0).epsilon(1e-6));
  const double p0 = 0.9 / (1.0 + std::exp(-0.1) + std::exp(-25.0));
  CHECK(std::exp(static_cast<double>(merged.f32()[0])) == doctest::Approx(p0).epsilon(1e-5));
  CHECK(merged.f32()[1] > merged.f32()[0]);
}

TEST_CASE("crops: an explanation of crops becomes one of pictures") {
  const CropPlan plan{8, 4, CropOrder::kMatlab, CropMerge::kCoverageMean, Resample::kBilinear};
  Explanation e;
  e.method = "lrp";
  e.map = zeros({kTenCrops, 1, 4, 4});
  e.targets.assign(10, 3);
  for (int k = 0; k < 10; ++k) {
    Attributes m;
    m.set("residual", k == 7 ? -0.5 : 0.1);
    e.measures.push_back(m);
  }
  const Explanation one = merge_crops(std::move(e), plan);
  CHECK(one.targets == std::vector<std::int64_t>{3});
  REQUIRE(one.measures.size() == 1);
  CHECK(one.measures[0].number("residual", 0.0) == -0.5);
  CHECK(one.options.text("crop_merge", "") == "coverage_mean");
  CHECK(one.options.integer("crop_frame", 0, 1000) == 8);
  Explanation units;
  units.method = "deconvnet";
  units.map = zeros({kTenCrops, 3, 4, 4});
  for (int k = 0; k < 10; ++k) units.targets.push_back(k);
  CHECK_THROWS_AS((void)merge_crops(std::move(units), plan), Error);
}
