#include "tools/creatures/creatures.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "runtime/error.h"
#include "tools/creatures/geometry.h"
#include "tools/creatures/primitive.h"
#include "tools/creatures/random.h"

using namespace cutaway::tools::creatures;

namespace {

Options small(std::uint64_t seed = 7) {
  Options options;
  options.size = 64;
  options.seed = seed;
  return options;
}

bool same(const Creature& a, const Creature& b) {
  if (a.label != b.label || a.rgb != b.rgb || a.mask != b.mask) return false;
  if (a.x1 != b.x1 || a.y1 != b.y1 || a.x2 != b.x2 || a.y2 != b.y2) return false;
  if (a.parts.size() != b.parts.size()) return false;
  for (std::size_t k = 0; k < a.parts.size(); ++k) {
    const PartTruth& p = a.parts[k];
    const PartTruth& q = b.parts[k];
    if (p.name != q.name || p.x1 != q.x1 || p.y1 != q.y1 || p.x2 != q.x2 || p.y2 != q.y2 ||
        p.cx != q.cx || p.cy != q.cy || p.visible != q.visible) {
      return false;
    }
  }
  return true;
}

std::size_t covered(const std::vector<std::uint8_t>& mask) {
  return static_cast<std::size_t>(std::count(mask.begin(), mask.end(), std::uint8_t{255}));
}

/// Distance in pixels (larger axis) from a point to the nearest pixel of the mask.
float distance_to_mask(const Creature& c, float x, float y) {
  float best = 1e9f;
  for (int v = 0; v < c.size; ++v) {
    for (int u = 0; u < c.size; ++u) {
      if (c.mask[static_cast<std::size_t>(v * c.size + u)] == 0) continue;
      const float du = static_cast<float>(u) - x;
      const float dv = static_cast<float>(v) - y;
      best = std::min(best, std::max(du < 0 ? -du : du, dv < 0 ? -dv : dv));
    }
  }
  return best;
}

std::uint64_t fingerprint(const Creature& c, std::uint64_t h) {
  for (std::uint8_t byte : c.rgb) h = (h ^ byte) * 1099511628211ULL;
  for (std::uint8_t byte : c.mask) h = (h ^ byte) * 1099511628211ULL;
  return h;
}

}  // namespace

TEST_CASE("creatures: a picture is a function of seed and index alone") {
  constexpr std::size_t kCount = 24;
  std::vector<Creature> in_order(kCount);
  std::vector<Creature> threaded(kCount);
  for (std::size_t i = 0; i < kCount; ++i) in_order[i] = render(small(), i);
  const auto backwards = [&](std::size_t first) {
    for (std::size_t i = kCount - first; i > 0; i = i > 2 ? i - 2 : 0) {
      threaded[i - 1] = render(small(), i - 1);
    }
  };
  std::thread even(backwards, std::size_t{0});
  std::thread odd(backwards, std::size_t{1});
  even.join();
  odd.join();
  for (std::size_t i = 0; i < kCount; ++i) CHECK(same(in_order[i], threaded[i]));
  CHECK(in_order[0].rgb != in_order[1].rgb);
  CHECK(render(small(8), 0).rgb != in_order[0].rgb);
  // The upper halves of the 64-bit seed and index count as well.
  CHECK(render(small(7 + (1ULL << 32)), 0).rgb != in_order[0].rgb);
  CHECK(render(small(), 1ULL << 32).rgb != in_order[0].rgb);
}

TEST_CASE("creatures: the pictures of the first edition") {
  // Trained weights and published numbers belong to these bytes; a change here is a new data set.
  std::uint64_t h = 1469598103934665603ULL;
  for (std::uint64_t i = 0; i < 10; ++i) h = fingerprint(render(small(0), i), h);
  CHECK(h == 16369121841223995777ULL);
}

TEST_CASE("creatures: labels are balanced in every block of ten and shuffled within") {
  CHECK(class_names().size() == 10);
  CHECK(std::set<std::string>(class_names().begin(), class_names().end()).size() == 10);
  std::set<std::vector<int>> orders;
  for (std::uint64_t block = 0; block < 200; ++block) {
    std::vector<int> order;
    for (std::uint64_t k = 0; k < 10; ++k) order.push_back(label_of(3, 10 * block + k));
    orders.insert(order);
    std::sort(order.begin(), order.end());
    for (int k = 0; k < 10; ++k) CHECK(order[static_cast<std::size_t>(k)] == k);
  }
  CHECK(orders.size() > 190);
}

TEST_CASE("creatures: without occlusion the box is the extent of the mask") {
  Options options = small();
  options.occlusion = 0;
  std::set<int> labels;
  int tight = 0;
  for (std::uint64_t i = 0; i < 60; ++i) {
    CAPTURE(i);
    const Creature c = render(options, i);
    labels.insert(c.label);
    CHECK(c.label == label_of(options.seed, i));
    CHECK_FALSE(c.occluded);
    REQUIRE(c.rgb.size() == 64 * 64 * 3);
    REQUIRE(c.mask.size() == 64 * 64);
    REQUIRE(covered(c.mask) > 0);
    CHECK(covered(c.mask) +
              static_cast<std::size_t>(std::count(c.mask.begin(), c.mask.end(), std::uint8_t{0})) ==
          c.mask.size());
    int x1 = 64, y1 = 64, x2 = -1, y2 = -1;
    for (int y = 0; y < 64; ++y) {
      for (int x = 0; x < 64; ++x) {
        if (c.mask[static_cast<std::size_t>(y * 64 + x)] == 0) continue;
        x1 = std::min(x1, x);
        y1 = std::min(y1, y);
        x2 = std::max(x2, x);
        y2 = std::max(y2, y);
      }
    }
    CHECK(c.x1 == x1);
    CHECK(c.y1 == y1);
    CHECK(c.x2 == x2);
    CHECK(c.y2 == y2);
    const float area = static_cast<float>((x2 - x1 + 1) * (y2 - y1 + 1)) / (64.0f * 64.0f);
    tight += area >= 0.12f && area <= 0.47f ? 1 : 0;
  }
  CHECK(labels.size() == 10);
  CHECK(tight >= 54);  // 90 %: thin tips of an outline may fall between pixels
}

TEST_CASE("creatures: parts lie on the creature and carry names of their own") {
  Options options = small();
  options.size = 96;
  options.occlusion = 0;
  for (std::uint64_t i = 0; i < 40; ++i) {
    const Creature c = render(options, i);
    CAPTURE(class_names()[static_cast<std::size_t>(c.label)]);
    CHECK(c.parts.size() >= 4);
    std::set<std::string> names;
    for (const PartTruth& p : c.parts) {
      CAPTURE(p.name);
      CHECK_FALSE(p.name.empty());
      names.insert(p.name);
      CHECK(p.x1 >= 0);
      CHECK(p.y1 >= 0);
      CHECK(p.x2 < 96);
      CHECK(p.y2 < 96);
      CHECK(p.cx >= static_cast<float>(p.x1) - 0.5f);
      CHECK(p.cx <= static_cast<float>(p.x2) + 0.5f);
      CHECK(p.cy >= static_cast<float>(p.y1) - 0.5f);
      CHECK(p.cy <= static_cast<float>(p.y2) + 0.5f);
      CHECK(p.visible >= 0);
      CHECK(p.visible <= 1);
      // A curved part (a tail, a tentacle) may have its mean beside itself, never far away.
      CHECK(distance_to_mask(c, p.cx, p.cy) <= 12);
      // Part boxes come from samples, the creature's from pixels at least half covered.
      CHECK(p.x1 >= c.x1 - 2);
      CHECK(p.y1 >= c.y1 - 2);
      CHECK(p.x2 <= c.x2 + 2);
      CHECK(p.y2 <= c.y2 + 2);
    }
    CHECK(names.size() == c.parts.size());
  }
}

TEST_CASE("creatures: left and right are sides of the picture") {
  Options options = small();
  options.occlusion = 0;
  int pairs[10] = {};
  int crossed = 0;
  for (std::uint64_t i = 0; i < 100; ++i) {
    const Creature c = render(options, i);
    double sides = 0;
    int own = 0;
    for (const PartTruth& left : c.parts) {
      if (left.name.rfind("left_", 0) != 0) continue;
      for (const PartTruth& right : c.parts) {
        if (right.name != "right_" + left.name.substr(5)) continue;
        ++own;
        sides += static_cast<double>(right.cx - left.cx);
      }
    }
    if (own == 0) continue;
    ++pairs[c.label];
    crossed += sides < 0 ? 1 : 0;  // of all pairs together: an ear may flop, a tentacle swing
  }
  CHECK(crossed == 0);
  // Octopuses among them: their numbers alone would not say which of a pair is seen.
  CHECK(std::count_if(std::begin(pairs), std::end(pairs), [](int n) { return n > 0; }) >= 5);
  const auto& names = class_names();
  const auto octopus = std::find(names.begin(), names.end(), std::string("octopus"));
  REQUIRE(octopus != names.end());
  CHECK(pairs[octopus - names.begin()] > 0);
}

TEST_CASE("creatures: an occluder hides at most the share asked for, and only what it covers") {
  Options open = small();
  open.occlusion = 0;
  Options hidden = small();
  hidden.occlusion = 1;
  int occluded = 0;
  for (std::uint64_t i = 0; i < 50; ++i) {
    CAPTURE(i);
    const Creature a = render(open, i);
    const Creature b = render(hidden, i);
    CHECK(a.x1 == b.x1);
    CHECK(a.y2 == b.y2);
    std::size_t lost = 0;
    std::size_t gained = 0;
    for (std::size_t k = 0; k < a.mask.size(); ++k) {
      if (a.mask[k] == 0 && b.mask[k] != 0) ++gained;
      if (a.mask[k] != 0 && b.mask[k] == 0) ++lost;
    }
    CHECK(gained == 0);
    const float share = static_cast<float>(lost) / static_cast<float>(covered(a.mask));
    // The limit is kept on samples; rounding to pixels moves a rim of at most half a pixel.
    CHECK(share <= hidden.max_occlusion + 0.05f);
    if (!b.occluded) CHECK(lost == 0);
    occluded += b.occluded ? 1 : 0;
    REQUIRE(a.parts.size() == b.parts.size());
    for (std::size_t k = 0; k < a.parts.size(); ++k) {
      CHECK(b.parts[k].visible <= a.parts[k].visible);
    }
  }
  CHECK(occluded >= 35);
}

TEST_CASE("creatures: sizes and supersampling") {
  for (int size : {32, 97}) {
    for (int supersample : {1, 3}) {
      Options options = small();
      options.size = size;
      options.supersample = supersample;
      for (std::uint64_t i = 0; i < 10; ++i) {
        const Creature c = render(options, i);
        CHECK(c.size == size);
        CHECK(c.mask.size() == static_cast<std::size_t>(size * size));
        CHECK(covered(c.mask) > 0);
      }
    }
  }
}

TEST_CASE("creatures: options outside their range are refused") {
  const auto refused = [](auto change) {
    Options options = small();
    change(options);
    CHECK_THROWS_AS(render(options, 0), cutaway::Error);
  };
  refused([](Options& o) { o.size = 31; });
  refused([](Options& o) { o.size = 100000; });
  refused([](Options& o) { o.supersample = 0; });
  refused([](Options& o) { o.clutter = -0.1f; });
  refused([](Options& o) { o.occlusion = 1.5f; });
  refused([](Options& o) { o.noise = std::numeric_limits<float>::quiet_NaN(); });
  refused([](Options& o) { o.min_area = 0.5f; });
  refused([](Options& o) { o.max_area = 0.9f; });
}

TEST_CASE("creatures: random streams are uniform enough and independent of each other") {
  Random a(1, 2, 3);
  Random b(1, 2, 4);
  double sum = 0;
  int inside = 0;
  std::array<int, 7> counts{};
  for (int k = 0; k < 7000; ++k) {
    const float u = a.uniform();
    inside += u >= 0 && u < 1 ? 1 : 0;
    sum += static_cast<double>(u);
    ++counts[static_cast<std::size_t>(b.below(7))];
  }
  CHECK(inside == 7000);
  // Six standard deviations: 6 * sqrt(1/12/7000) = 0.021, 6 * sqrt(1000 * 6/7) = 176.
  CHECK(sum / 7000 == doctest::Approx(0.5).epsilon(0.042));
  for (int n : counts) CHECK(std::abs(n - 1000) <= 176);
}

TEST_CASE("creatures: sine, and distances of the primitives") {
  for (int k = -720; k <= 720; k += 15) {
    const double angle = k * 3.14159265358979323846 / 180;
    CHECK(std::abs(static_cast<double>(sin_turns(static_cast<float>(k) / 360)) - std::sin(angle)) <
          2e-6);  // polynomial 1e-7, float turns 4e-7 * 2 pi
  }
  Primitive disc;
  disc.a = {8, 8};
  disc.ra = disc.rb = 5;
  Primitive square;
  square.kind = PrimitiveKind::kPolygon;
  square.points = {{4, 4}, {12, 4}, {12, 12}, {4, 12}};
  Primitive limb;
  limb.kind = PrimitiveKind::kLimb;
  limb.a = {4, 8};
  limb.b = {12, 8};
  limb.ra = limb.rb = 2;
  const Window window{0, 0, 16, 16};
  std::vector<float> field;
  const auto at = [&](int x, int y) { return field[static_cast<std::size_t>(y * 16 + x)]; };
  distance_field({disc}, 0, 100, window, field, nullptr);
  CHECK(at(8, 8) == doctest::Approx(std::sqrt(0.5) - 5));
  CHECK(at(14, 7) == doctest::Approx(std::sqrt(6.5 * 6.5 + 0.25) - 5));
  distance_field({square}, 0, 100, window, field, nullptr);
  CHECK(at(5, 8) == doctest::Approx(-1.5));
  CHECK(at(14, 8) == doctest::Approx(2.5));
  CHECK(at(14, 14) == doctest::Approx(std::sqrt(12.5)));
  distance_field({limb}, 0, 100, window, field, nullptr);
  CHECK(at(8, 12) == doctest::Approx(2.5));
  CHECK(at(14, 8) == doctest::Approx(std::sqrt(2.5 * 2.5 + 0.25) - 2));
}
