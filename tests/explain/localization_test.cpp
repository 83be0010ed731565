// Boxes from maps.

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "explain/localization/box_rule.h"
#include "explain/localization/guess.h"
#include "explain/localization/max_box_acc.h"
#include "explain/localization/squared_distance.h"
#include "runtime/error.h"

using namespace cutaway;
using namespace cutaway::explain;

namespace {

/// Inclusive rows and columns set to a value.
void paint(ByteMap& map, int y1, int y2, int x1, int x2, std::uint8_t v) {
  for (int y = y1; y <= y2; ++y) {
    for (int x = x1; x <= x2; ++x) {
      map.values[static_cast<std::size_t>(y) * static_cast<std::size_t>(map.width) +
                 static_cast<std::size_t>(x)] = v;
    }
  }
}

std::string text_of(const std::vector<Rect>& all) {
  std::string text;
  for (const Rect& r : all) {
    for (const int v : {r.x, r.y, r.width, r.height})
      text += (text.empty() ? "" : " ") + std::to_string(v);
  }
  return text;
}

}  // namespace

TEST_CASE("overlap of inclusive boxes; fractions agree") {
  CHECK(iou({0, 0, 9, 9}, {5, 5, 14, 14}) == doctest::Approx(25.0 / 175.0));
  CHECK(iou({0, 0, 9, 9}, {10, 0, 12, 9}) == 0.0);
  CHECK(explain::overlap({0, 0, 9, 9}, {5, 5, 14, 14}) == doctest::Approx(25.0 / 175.0));
  CHECK(explain::overlap({0, 0, 9, 9}, {0, 0, 9, 9}) == 1.0);
}

TEST_CASE("0.7: components: the largest, the first of equals, diagonals joined") {
  ByteMap mask = make_byte_map(8, 6);
  paint(mask, 4, 4, 0, 1, 1);  // two pixels, further down but to the left
  paint(mask, 1, 1, 5, 6, 9);  // two pixels, first in row-major order
  auto c = largest_component(mask);
  REQUIRE(c.has_value());
  CHECK(c->box == Box{5, 1, 6, 1});
  CHECK(c->pixels == 2);
  CHECK(c->mask.at(1, 5) == 1);
  CHECK(c->mask.at(4, 0) == 0);
  paint(mask, 5, 5, 2, 2, 1);  // joins the lower one across a corner
  c = largest_component(mask);
  CHECK(c->box == Box{0, 4, 2, 5});
  CHECK_FALSE(largest_component(make_byte_map(3, 3)).has_value());
  CHECK_THROWS_AS((void)largest_component(ByteMap{3, 3, {1}}), Error);
}

TEST_CASE("distances to the background are exact") {
  std::mt19937 engine(5);
  for (const auto& [width, height, share] :
       {std::tuple{31, 23, 3}, {1, 40, 9}, {40, 1, 9}, {64, 48, 400}, {57, 61, 2000}}) {
    ByteMap mask = make_byte_map(width, height, 1);
    for (std::uint8_t& v : mask.values) v = engine() % static_cast<unsigned>(share) == 0 ? 0 : 1;
    const auto d = squared_distances(mask);
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        std::int64_t best = -1;
        for (int v = 0; v < height; ++v) {
          for (int u = 0; u < width; ++u) {
            if (mask.at(v, u) != 0) continue;
            const std::int64_t q = (x - u) * (x - u) + (y - v) * (y - v);
            if (best < 0 || q < best) best = q;
          }
        }
        CHECK(d[static_cast<std::size_t>(y * width + x)] == best);
      }
    }
  }
  const auto all = squared_distances(make_byte_map(4, 3, 1));
  CHECK(std::ranges::all_of(all, [](std::int64_t v) { return v == -1; }));
}

TEST_CASE("the authors' box generator") {
  ByteMap two = make_byte_map(80, 60);
  paint(two, 10, 49, 20, 69, 60);
  paint(two, 20, 39, 30, 59, 200);
  CHECK(text_of(dt_rectangles(two)) == "20 10 50 40 30 20 30 20");
  ByteMap centre = make_byte_map(200, 200);
  paint(centre, 50, 149, 50, 149, 200);
  CHECK(text_of(dt_rectangles(centre)) == "52 52 96 96 52 52 96 96");
  CHECK(text_of(dt_rectangles(make_byte_map(200, 200, 200))) == "0 0 195 195 0 0 195 195");
  ByteMap corner = make_byte_map(200, 200);
  paint(corner, 100, 199, 100, 199, 200);
  CHECK(text_of(dt_rectangles(corner)) == "104 104 91 91 104 104 91 91");
  CHECK(dt_rectangles(make_byte_map(200, 200)).empty());
  ByteMap ring = make_byte_map(120, 120);
  for (int y = 0; y < 120; ++y) {
    for (int x = 0; x < 120; ++x) {
      const int r2 = (x - 60) * (x - 60) + (y - 60) * (y - 60);
      if (r2 > 400 && r2 < 1600) paint(ring, y, y, x, x, 200);
    }
  }
  CHECK(text_of(dt_rectangles(ring)) == "21 21 79 79 21 21 79 79 39 39 43 43 39 39 43 43");
  DtBoxOptions clean;
  clean.suppression = Suppression::kClean;
  CHECK(text_of(dt_rectangles(ring, clean)) == "21 21 79 79 39 39 43 43");
  CHECK(text_of(dt_rectangles(centre, clean)) == "52 52 96 96");
}

TEST_CASE("loose and tight boxes, their corners, and pictures without one") {
  const LooseTight two = loose_tight({{1, 2, 30, 40}, {5, 6, 7, 8}}, 100, 90);
  CHECK(two.loose == Box{1, 2, 31, 42});
  CHECK(two.tight == Box{5, 6, 12, 14});
  CHECK(loose_tight({{1, 2, 30, 40}}, 100, 90).tight == Box{1, 2, 31, 42});
  CHECK(loose_tight({}, 100, 90).loose == Box{0, 0, 99, 89});
  for (int w = 1; w < 12; ++w) {  // smaller than the clamp
    for (int h = 1; h < 12; ++h) (void)dt_rectangles(make_byte_map(w, h, 200));
  }
}

TEST_CASE("grey levels: rounded shares of the maximum") {
  const std::vector<float> v{-3.0F, 0.0F, 1.0F, 2.0F, 4.0F, 3.99F};
  CHECK(gray_levels({v, 2, 3}).values == std::vector<std::uint8_t>{0, 0, 64, 128, 255, 254});
  const std::vector<float> none{-1.0F, 0.0F};
  CHECK(gray_levels({none, 1, 2}).values == std::vector<std::uint8_t>{0, 0});
}

TEST_CASE("the localisation error needs the class and half of the box") {
  // 100 pixels true; a box of the same width and height h overlaps it h / 10.
  const std::vector<RealBox> truth{{0, 0, 9, 9}};
  const auto guess = [](std::int64_t label, double height) {
    return std::vector<Guess>{{label, {0, 0, 9, height - 1}}};
  };
  CHECK(localization_error(guess(2, 9.0), 1, truth) == 1);
  CHECK(localization_error(guess(1, 4.9), 1, truth) == 1);
  CHECK(localization_error(guess(1, 5.0), 1, truth) == 0);
  std::vector<Guess> several = guess(2, 10.0);
  several.push_back({1, {0, 0, 9, 4.0}});
  CHECK(localization_error(several, 1, truth) == 0);  // the best of the guesses counts
  CHECK(localization_error(several, 1, {}) == 1);
}

TEST_CASE("five guesses are three classes, two boxes of the first two") {
  std::vector<ClassBoxes> ranked;
  for (int k = 0; k < 5; ++k) {
    ranked.push_back({k, {{10.0 * k, 0, 10.0 * k + 1, 1}, {10.0 * k + 5, 0, 10.0 * k + 6, 1}}});
  }
  const auto five = five_guesses(ranked);
  REQUIRE(five.size() == 5);
  CHECK(five[1].label == 0);
  CHECK(five[1].box.x1 == 5.0);
  CHECK(five[2].label == 1);
  CHECK(five[4].label == 2);
  CHECK(five[4].box.x1 == 20.0);
  CHECK(one_guess_a_class(ranked).size() == 5);
  ranked.resize(1);
  ranked[0].boxes.resize(1);
  CHECK(five_guesses(ranked).size() == 2);
}

TEST_CASE("CAM boxes hold what is above 20 % of the maximum, nothing below") {
  std::vector<float> v(100, 0.0F);
  v[44] = 10.0F;
  v[45] = 2.01F;  // to the right of it
  v[54] = 1.99F;  // below
  const FoundBoxes found = find_boxes(BoxRule::kThreshold, {v, 10, 10}, make_image(10, 10));
  REQUIRE(found.boxes.size() == 1);
  CHECK(found.boxes[0] == Box{4, 4, 5, 4});
}

TEST_CASE("MaxBoxAcc on a map of ten by ten") {
  std::vector<float> v(100, 0.0F);
  for (std::size_t y = 2; y <= 5; ++y) {
    for (std::size_t x = 3; x <= 6; ++x) v[10 * y + x] = 1.0F;
  }
  const Box truth{3, 2, 6, 5};  // the box is (3, 2, 7, 6): overlap 16 / 25
  std::vector<BoxHits> hits{box_hits({v, 10, 10}, {&truth, 1}, 10)};
  MaxBoxAcc acc = max_box_acc(hits);
  CHECK(acc.v1 == 1.0);
  CHECK(acc.v2_at == std::array<double, 3>{1.0, 1.0, 0.0});
  CHECK(acc.v2 == doctest::Approx(2.0 / 3.0));
  CHECK(acc.curve.size() == 1000);
  CHECK(max_box_acc(hits, 0.01).curve.size() == 100);
  // A constant map finds the pixel (0, 0).
  const std::vector<float> flat(100, 3.0F);
  hits.push_back(box_hits({flat, 10, 10}, {&truth, 1}, 10));
  CHECK(hits[1].most == 0);
  CHECK(max_box_acc(hits).v1 == 0.5);
  const Box first{0, 0, 0, 0};
  hits[1] = box_hits({flat, 10, 10}, {&first, 1}, 10);
  CHECK(max_box_acc(hits).v1 == 1.0);
  const std::vector<int> counts{3, 1};
  CHECK(max_box_acc(hits, 0.001, counts).v2 == doctest::Approx((1.0 + 1.0 + 0.25) / 3));
  CHECK(scaled_truth({10.9, 5.0, 99.9, 50.0}, 100, 50, 224) == Box{24, 22, 223, 224});
}

TEST_CASE("V1 takes the largest contour, V2 any; the threshold is the best for all") {
  std::vector<float> v(20 * 20, 0.0F);
  for (std::size_t y = 1; y <= 8; ++y) {
    for (std::size_t x = 1; x <= 8; ++x) v[20 * y + x] = 0.4F;  // large and weak
  }
  for (std::size_t y = 12; y <= 16; ++y) {
    for (std::size_t x = 12; x <= 16; ++x) v[20 * y + x] = 1.0F;  // small and strong
  }
  const Box small{12, 12, 17, 17}, large{1, 1, 9, 9};
  const BoxHits of_small = box_hits({v, 20, 20}, {&small, 1}, 20);
  CHECK((of_small.at[50] & 1U) == 0);   // the large one is taken
  CHECK((of_small.at[50] & 2U) != 0);   // but any may count
  CHECK((of_small.at[150] & 1U) != 0);  // and above 0.4 only the small one is left
  std::vector<BoxHits> both{of_small, box_hits({v, 20, 20}, {&large, 1}, 20)};
  const MaxBoxAcc acc = max_box_acc(both);
  CHECK(acc.v1 == 0.5);
  CHECK(acc.v2 == 1.0);
}

TEST_CASE("baselines: the whole picture, a box in its middle, a Gaussian") {
  CHECK(whole_picture(10, 8).x2 == 9.0);
  const RealBox c = centre_box(100, 50, 0.25);
  CHECK(c.x1 == 25.0);
  CHECK(c.x2 == 74.0);
  CHECK(c.y1 == 12.5);
  const auto g = centre_gaussian(9);
  CHECK(g[40] == 1.0F);
  CHECK(*std::ranges::max_element(g) == 1.0F);
  CHECK(g[0] == g[80]);
}

TEST_CASE("boxes: every rule finds a bright square, and has an answer where there is nothing") {
  Image picture = make_image(64, 64, {20, 40, 200});
  fill(picture, {20, 24, 20, 16}, {220, 30, 30});
  std::vector<float> v(64 * 64, 0.0F);
  for (std::size_t y = 24; y < 40; ++y) {
    for (std::size_t x = 20; x < 40; ++x) v[64 * y + x] = 1.0F;
  }
  const std::vector<float> flat(64 * 64, 0.0F);
  for (const BoxRule rule :
       {BoxRule::kThreshold, BoxRule::kDt, BoxRule::kGraphCut, BoxRule::kGrabCut}) {
    CAPTURE(to_string(rule));
    CHECK(parse_box_rule(to_string(rule)) == rule);
    const FoundBoxes found = find_boxes(rule, {v, 64, 64}, picture);
    CHECK_FALSE(found.fallback);
    // Rectangles' corners lie one pixel beyond.
    const bool beyond = rule == BoxRule::kDt || rule == BoxRule::kGrabCut;
    CHECK(found.boxes.at(0) == Box{20, 24, beyond ? 40 : 39, beyond ? 40 : 39});
    if (rule != BoxRule::kGraphCut) {
      const FoundBoxes none = find_boxes(rule, {flat, 64, 64}, picture);
      CHECK(none.fallback);
      CHECK(none.boxes.at(0) == Box{0, 0, 63, 63});
    }
  }
  CHECK_THROWS_AS((void)parse_box_rule("otsu"), Error);
  BoxOptions stored;
  stored.stored = [](const ByteMap& m) { return make_byte_map(m.width, m.height); };
  CHECK(find_boxes(BoxRule::kDt, {v, 64, 64}, picture, stored).fallback);
}
