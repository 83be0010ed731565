#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "explain/pictures/draw.h"
#include "explain/render/colormap.h"
#include "explain/render/panel.h"
#include "explain/render/render.h"
#include "runtime/error.h"

using namespace cutaway;
using namespace cutaway::explain;

namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

Map map_of(const std::vector<float>& values, int height, int width) {
  return {values, height, width};
}

Style with(Colormap colormap, Normalization rule) {
  Style style;
  style.colormap = colormap;
  style.normalization = rule;
  return style;
}

template <class Call>
ErrorKind kind_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error.kind();
  }
  FAIL("no error");
  return ErrorKind::kInternal;
}

void check_near(const std::vector<float>& got, const std::vector<double>& want, double tolerance) {
  REQUIRE(got.size() == want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    CAPTURE(i);
    CHECK(std::fabs(static_cast<double>(got[i]) - want[i]) <= tolerance);
  }
}

constexpr Colormap kAll[] = {Colormap::kTurbo, Colormap::kJet, Colormap::kViridis,
                             Colormap::kSigned, Colormap::kGray};

}  // namespace

TEST_CASE("jet has MATLAB's entries") {
  const ColorTable& jet = color_table(Colormap::kJet);
  CHECK(jet[0] == Rgb{0, 0, 131});  // .515625
  CHECK(jet[31] == Rgb{0, 0, 255});
  CHECK(jet[95] == Rgb{0, 255, 255});
  CHECK(jet[127] == Rgb{128, 255, 128});
  CHECK(jet[159] == Rgb{255, 255, 0});
  CHECK(jet[223] == Rgb{255, 0, 0});
  CHECK(jet[255] == Rgb{128, 0, 0});
}

TEST_CASE("the other colour maps have their published ends") {
  CHECK(color_table(Colormap::kTurbo)[0] == Rgb{48, 18, 59});
  CHECK(color_table(Colormap::kTurbo)[255] == Rgb{122, 4, 3});
  CHECK(color_table(Colormap::kViridis)[0] == Rgb{68, 1, 84});
  CHECK(color_table(Colormap::kViridis)[255] == Rgb{253, 231, 37});
  CHECK(color_table(Colormap::kGray)[77] == Rgb{77, 77, 77});
  const ColorTable& two = color_table(Colormap::kSigned);
  CHECK(two[128] == Rgb{255, 255, 255});
  CHECK((two[0].b > two[0].r && two[255].r > two[255].b));
  for (std::size_t i = 1; i < 128; ++i) CHECK(two[i].r >= two[i - 1].r);
}

TEST_CASE("a value becomes entry round(255 v)") {
  CHECK(color_index(0.0F) == 0);
  CHECK(color_index(1.0F) == 255);
  CHECK(color_index(0.5F) == 128);
  CHECK(color_index(0.49F) == 125);
  CHECK(color_index(-3.0F) == 0);
  CHECK(color_index(7.0F) == 255);
  CHECK(color_index(kNaN) == 0);
  CHECK(color_index(kInf) == 255);
}

TEST_CASE("names of colour maps and interpolations go both ways") {
  for (const Colormap c : kAll) CHECK(parse_colormap(to_string(c)) == c);
  for (int i = 0; i <= static_cast<int>(Resample::kCubicPil); ++i) {
    const auto how = static_cast<Resample>(i);
    CHECK(parse_resample(to_string(how)) == how);
  }
  CHECK(kind_of([] { (void)parse_colormap("rainbow"); }) == ErrorKind::kUsage);
  CHECK(kind_of([] { (void)parse_resample("lanczos"); }) == ErrorKind::kUsage);
}

TEST_CASE("the hottest pixel gets the last colour, the coldest the first") {
  const std::vector<float> values{3.0F, -1.0F, 2.0F, 7.5F, 0.0F, 1.0F};
  for (const Colormap c : kAll) {
    const Rendered shown = colorize(map_of(values, 2, 3), with(c, Normalization::min_max()));
    CHECK(shown.image.at(0, 1) == color_table(c)[255]);
    CHECK(shown.image.at(1, 0) == color_table(c)[0]);
    CHECK(shown.limits == Limits{-1.0F, 7.5F});
    CHECK_FALSE(shown.degenerate);
  }
}

TEST_CASE("bytes are in the order R, G, B") {
  const std::vector<float> values{0.0F, 1.0F};
  const Rendered shown = colorize(map_of(values, 1, 2), with(Colormap::kJet, {}));
  CHECK(shown.image.rgb == std::vector<std::uint8_t>{0, 0, 131, 128, 0, 0});
}

TEST_CASE("zero is white in a signed map and the limits are symmetric") {
  const std::vector<float> values{-1.0F, 0.0F, 4.0F};
  const Rendered shown = colorize(map_of(values, 1, 3), Style::signed_map());
  CHECK(shown.image.at(1, 0) == Rgb{255, 255, 255});
  CHECK(shown.image.at(2, 0) == color_table(Colormap::kSigned)[255]);
  CHECK(shown.image.at(0, 0).b > shown.image.at(0, 0).r);
  CHECK(shown.limits == Limits{-4.0F, 4.0F});
}

TEST_CASE("maps without a scale are blank and flagged") {
  const std::vector<float> constant(6, 2.5F);
  const std::vector<float> negative{-1.0F, -2.0F, -3.0F, -4.0F, -5.0F, -0.5F};
  const std::vector<float> zero(6, 0.0F);
  const Rgb first = color_table(Colormap::kTurbo)[0];
  const auto blank = [&](const std::vector<float>& values, Normalization rule, Rgb colour) {
    const Colormap c = rule.kind == NormKind::kSymmetric ? Colormap::kSigned : Colormap::kTurbo;
    const Rendered shown = colorize(map_of(values, 2, 3), with(c, rule));
    CHECK(shown.degenerate);
    CHECK_FALSE(shown.why.empty());
    CHECK(shown.image == make_image(3, 2, colour));
  };
  blank(constant, Normalization::min_max(), first);
  blank(constant, Normalization::percentile(), first);
  blank(constant, Normalization::std_squash(), first);
  blank(negative, Normalization::positive(), first);
  blank(zero, Normalization::positive(), first);
  blank(zero, Normalization::symmetric(), {255, 255, 255});
  const std::vector<float> broken{1.0F, 2.0F, kNaN, 4.0F, kInf, 6.0F};
  blank(broken, Normalization::min_max(), first);
  CHECK(normalize(map_of(broken, 2, 3), {}).why == "2 of 6 values of the map are not finite");
}

TEST_CASE("normalisations follow their formulas") {
  const std::vector<float> v{-2.0F, 0.0F, 1.0F, 3.0F};
  const Map map = map_of(v, 2, 2);
  check_near(normalize(map, Normalization::min_max()).values, {0, 0.4, 0.6, 1}, 1e-7);
  check_near(normalize(map, Normalization::positive()).values, {0, 0, 1.0 / 3, 1}, 1e-7);
  check_near(normalize(map, Normalization::symmetric()).values,
             {0.5 - 1.0 / 3, 0.5, 0.5 + 1.0 / 6, 1}, 1e-7);
  // mean 0.5, population std sqrt(3.25)
  const double std = std::sqrt(3.25) + 1e-5;
  check_near(normalize(map, Normalization::std_squash()).values,
             {0.5 - 0.25 / std, 0.5 - 0.05 / std, 0.5 + 0.05 / std, 0.5 + 0.25 / std},
             1e-6);  // limits are kept as float32
  check_near(normalize(map, Normalization::fixed_limits({-1.0F, 1.0F})).values, {0, 0.5, 1, 1},
             1e-7);
  CHECK(kind_of([&] {
          (void)normalize(map, Normalization::fixed_limits({1.0F, 1.0F}));
        }) == ErrorKind::kUsage);
  CHECK(kind_of([&] {
          (void)normalize(map, Normalization::fixed_limits({0.0F, kNaN}));
        }) == ErrorKind::kUsage);
  CHECK(kind_of([&] { (void)normalize(map, Normalization::percentile(0.0)); }) ==
        ErrorKind::kUsage);
  CHECK(kind_of([&] { (void)normalize(Map{v, 3, 2}, {}); }) == ErrorKind::kShape);
}

TEST_CASE("quantiles are of type 7") {
  std::vector<float> v(100);
  std::iota(v.rbegin(), v.rend(), 0.0F);
  CHECK(quantile(v, 0.95) == doctest::Approx(94.05).epsilon(1e-12));
  CHECK(quantile(v, 0.30) == doctest::Approx(29.7).epsilon(1e-12));
  CHECK(quantile(v, 0.0) == 0.0);
  CHECK(quantile(v, 1.0) == 99.0);
  CHECK(kind_of([&] { (void)quantile(v, 1.5); }) == ErrorKind::kUsage);
}

TEST_CASE("percentile limits clip the top, and fall back where they leave nothing") {
  std::vector<float> v(101);
  std::iota(v.begin(), v.end(), 0.0F);
  v[100] = 1e6F;
  const Normalized n = normalize(map_of(v, 1, 101), Normalization::percentile(0.99));
  CHECK(n.limits == Limits{0.0F, 99.0F});
  CHECK(n.values[100] == 1.0F);
  std::vector<float> sparse(1000, 0.0F);
  sparse[17] = 5.0F;
  const Normalized s = normalize(map_of(sparse, 10, 100), Normalization::percentile(0.99));
  CHECK(s.limits == Limits{0.0F, 5.0F});
  CHECK_FALSE(s.degenerate);
  sparse[18] = -5.0F;
  CHECK(normalize(map_of(sparse, 10, 100), Normalization::symmetric(0.99)).limits ==
        Limits{-5.0F, 5.0F});
}

TEST_CASE("a shared scale makes pictures comparable") {
  const std::vector<float> a{0.0F, 1.0F};
  const std::vector<float> b{0.0F, 4.0F, 1.0F};
  const std::vector<Map> maps{map_of(a, 1, 2), map_of(b, 1, 3)};
  const Limits limits = shared_limits(maps, Normalization::min_max());
  CHECK(limits == Limits{0.0F, 4.0F});
  const Style style = with(Colormap::kTurbo, Normalization::fixed_limits(limits));
  // The value 1 has one colour in both pictures.
  CHECK(colorize(maps[0], style).image.at(1, 0) == colorize(maps[1], style).image.at(2, 0));
  CHECK(colorize(maps[0], {}).image.at(1, 0) != colorize(maps[1], {}).image.at(2, 0));
  CHECK(shared_limits(maps, Normalization::symmetric()) == Limits{-4.0F, 4.0F});
}

TEST_CASE("resizing [0, 1] to four samples gives the check vectors") {
  const std::vector<float> v{0.0F, 1.0F};
  const auto four = [&](Resample how) { return resize(map_of(v, 1, 2), 1, 4, how); };
  check_near(four(Resample::kBilinear), {0, .25, .75, 1}, 0);
  check_near(four(Resample::kBilinearCorner), {0, 1.0 / 3, 2.0 / 3, 1}, 1e-7);
  check_near(four(Resample::kCubic075), {-0.10546875, 0.2265625, 0.7734375, 1.10546875}, 1e-7);
  const std::vector<float> matlab = four(Resample::kCubicMatlab);
  check_near({matlab[0], matlab[3]}, {-0.09375, 1.09375}, 1e-7);
  check_near(four(Resample::kNearest), {0, 0, 1, 1}, 0);
  // The same down a column.
  check_near(resize(map_of(v, 2, 1), 4, 1, Resample::kCubic075),
             {-0.10546875, 0.2265625, 0.7734375, 1.10546875}, 1e-7);
}

TEST_CASE("resizing agrees with PyTorch's interpolate, align_corners=False") {
  std::vector<float> v(12);
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = static_cast<float>(i * 7 % 11);
  // float32 on both sides, different order of operations: 1e-5 is some 10 ulp of values up to 11.
  check_near(resize(map_of(v, 3, 4), 5, 6, Resample::kBilinear),
             {0.0,       3.5,       6.333333,  3.6666667, 6.5,      10.0,      2.4,       3.7,
              5.0666666, 5.3333335, 6.7,       8.0,       6.0,      4.0,       3.1666672, 7.833334,
              7.0,       5.0,       2.9999993, 4.3,       5.666667, 5.9333324, 3.9999993, 1.9999993,
              1.0,       4.5,       7.3333325, 4.6666665, 2.0,      0.0},
             1e-5);
  check_near(
      resize(map_of(v, 3, 4), 5, 6, Resample::kCubic075),
      {-1.2753056, 3.9260004, 7.3138146, 2.5901854, 5.9780006, 11.179306, 2.5195980, 3.5586250,
       4.9011011,  5.3323989, 7.1533737, 8.6571493, 6.3472233, 3.34375,   2.7268525, 8.2731495,
       7.65625,    4.6527791, 3.2035961, 4.2426257, 5.7157288, 6.6695232, 4.0753751, 1.1640302,
       -0.1793053, 5.0220008, 8.6191216, 4.7327142, 1.0460005, -0.8272213},
      1e-5);
}

TEST_CASE("resizing pictures repeats Pillow's bytes") {
  Image x = make_image(7, 5);
  for (std::size_t i = 0; i < x.rgb.size(); ++i) x.rgb[i] = static_cast<std::uint8_t>(i * 37 % 256);
  CHECK(resize(x, 4, 3, Resample::kBilinearPil).rgb ==
        std::vector<std::uint8_t>{62, 87,  124, 163, 67, 104, 132, 169, 73,  112, 149, 174,
                                  76, 101, 138, 177, 81, 118, 146, 183, 87,  126, 163, 188,
                                  83, 115, 152, 115, 95, 132, 160, 121, 101, 140, 170, 126});
  CHECK(resize(x, 4, 3, Resample::kCubicPil).rgb ==
        std::vector<std::uint8_t>{57, 87,  124, 169, 64, 105, 129, 170, 65,  110, 147, 177,
                                  72, 102, 139, 189, 79, 120, 144, 190, 80,  125, 162, 197,
                                  83, 117, 154, 116, 96, 135, 161, 117, 100, 140, 173, 124});
}

TEST_CASE("every interpolation keeps constants and rejects empty sizes") {
  const std::vector<float> v(35, 3.25F);
  for (int i = 0; i <= static_cast<int>(Resample::kCubicPil); ++i) {
    const auto how = static_cast<Resample>(i);
    for (const int side : {1, 2, 5, 23}) {
      for (const float y : resize(map_of(v, 5, 7), side, side + 1, how)) {
        CHECK(std::fabs(y - 3.25F) <= 1e-5F);  // weights sum to 1 within rounding
      }
    }
    CHECK(kind_of([&] { (void)resize(map_of(v, 5, 7), 0, 4, how); }) == ErrorKind::kShape);
  }
}

TEST_CASE("overlays blend exactly") {
  Image photo = make_image(3, 1);
  photo.rgb = {10, 200, 30, 255, 0, 128, 7, 7, 7};
  const std::vector<float> v{0.0F, 0.5F, 1.0F};
  for (const float alpha : {0.0F, 0.3F, 0.5F, 1.0F}) {
    Style style = with(Colormap::kJet, {});
    style.blend = Blend::alpha(alpha);
    const Rendered shown = overlay(photo, map_of(v, 1, 3), style);
    const Rendered heat = colorize(map_of(v, 1, 3), style);
    for (std::size_t i = 0; i < 9; ++i) {
      const double want = (1.0 - static_cast<double>(alpha)) * photo.rgb[i] +
                          static_cast<double>(alpha) * heat.image.rgb[i];
      CHECK(std::fabs(shown.image.rgb[i] - want) <= 0.5 + 1e-4);  // the rounding to 8 bits
    }
  }
  CHECK(Style{}.blend.heat == 0.5F);
}

TEST_CASE("an overlay resamples before it normalises and reports those limits") {
  const std::vector<float> v{0.0F, 4.0F, 0.0F, 0.0F, 0.0F, 0.0F};
  const Image photo = make_image(6, 6, {90, 90, 90});
  const Rendered shown = overlay(photo, map_of(v, 2, 3), {});
  const std::vector<float> large = resize(map_of(v, 2, 3), 6, 6, Resample::kBilinear);
  const Limits data = shared_limits(std::vector<Map>{map_of(large, 6, 6)}, {});
  CHECK(shown.limits == data);
  CHECK(shown.image.width == 6);
}

TEST_CASE("an overlay of a part leaves the rest of the photo alone") {
  const Image photo = make_image(8, 6, {1, 2, 3});
  const std::vector<float> v{0.0F, 1.0F};
  const Rendered shown = overlay_part(photo, map_of(v, 1, 2), Rect{2, 1, 4, 3}, {});
  CHECK(shown.image.at(1, 1) == Rgb{1, 2, 3});
  CHECK(shown.image.at(2, 0) == Rgb{1, 2, 3});
  CHECK(shown.image.at(6, 3) == Rgb{1, 2, 3});
  CHECK(shown.image.at(2, 1) != Rgb{1, 2, 3});
  CHECK(kind_of([&] {
          (void)overlay_part(photo, map_of(v, 1, 2), Rect{6, 1, 4, 3}, {});
        }) == ErrorKind::kShape);
}

TEST_CASE("reconstructions stand around mid-grey with one scale for all channels") {
  // 3 channels of 1 x 3: B, G, R.
  const std::vector<float> bgr{0.0F, 2.0F, 0.0F, 0.0F, 0.0F, -1.0F, 0.0F, 0.0F, 0.0F};
  Reconstruction options;
  options.bgr = true;
  options.quantile = 1.0;
  const Rendered shown = reconstruct(bgr, 3, 1, 3, options);
  CHECK(shown.image.at(0, 0) == Rgb{128, 128, 128});
  CHECK(shown.image.at(1, 0) == Rgb{128, 128, 255});
  CHECK(shown.image.at(2, 0) == Rgb{128, 64, 128});  // 255 (0.5 - 1/4) = 63.75
  CHECK(shown.limits == Limits{-2.0F, 2.0F});
  options.bgr = false;
  CHECK(reconstruct(bgr, 3, 1, 3, options).image.at(1, 0) == Rgb{255, 128, 128});
  const std::vector<float> zero(9, 0.0F);
  const Rendered blank = reconstruct(zero, 3, 1, 3);
  CHECK(blank.degenerate);
  CHECK(blank.image == make_image(3, 1, {128, 128, 128}));
  options.scale = 4.0F;
  CHECK(reconstruct(bgr, 3, 1, 3, options).image.at(1, 0) == Rgb{191, 128, 128});
  CHECK(kind_of([&] { (void)reconstruct(bgr, 2, 1, 3); }) == ErrorKind::kShape);
}

TEST_CASE("a reconstruction is clipped at the 99.5 percentile of |v|") {
  std::vector<float> v(1000, 1.0F);
  v[3] = -100.0F;
  const Rendered shown = reconstruct(v, 1, 10, 100);
  CHECK(shown.limits.high == doctest::Approx(1.0).epsilon(1e-6));
  CHECK(shown.image.at(3, 0) == Rgb{0, 0, 0});
}

TEST_CASE("the numbers of a colour bar are the data's limits") {
  const std::vector<float> v{-4.0384F, 120.6033F, 13.4319F, 7.0F};
  const Rendered shown = colorize(map_of(v, 2, 2), {});
  const ColorBar bar = color_bar(shown.colormap, shown.limits, shown.extent, 120, 5);
  REQUIRE(bar.labels.size() == 5);
  CHECK(bar.values.front() == static_cast<double>(shown.limits.high));
  CHECK(bar.values.back() == static_cast<double>(shown.limits.low));
  CHECK(bar.labels.front() == "120.6");
  CHECK(bar.labels.back() == "-4.038");
  CHECK(std::stod(bar.labels[2]) == doctest::Approx((120.6033 - 4.0384) / 2).epsilon(5e-4));
  CHECK(bar.image.height == 120);
  // The ends of the bar have the ends of the colour map.
  int first = 0;
  while (bar.image.at(0, first) == Rgb{255, 255, 255}) ++first;
  int last = 119;
  while (bar.image.at(0, last) == Rgb{255, 255, 255}) --last;
  CHECK(bar.image.at(0, first) == color_table(Colormap::kTurbo)[255]);
  CHECK(bar.image.at(0, last) == color_table(Colormap::kTurbo)[0]);
  CHECK(format_number(-0.0) == "0");
}

TEST_CASE("a colour bar says where values are clipped, and its ends are values of their colours") {
  // 99 of 100 values within 0.14, one each far beyond.
  std::vector<float> v(400, 0.1F);
  v[0] = 0.56F;
  v[1] = -0.74F;
  for (std::size_t i = 2; i < 10; ++i) v[i] = 0.14F;
  const Rendered shown = colorize(map_of(v, 20, 20), Style::signed_map(0.99));
  REQUIRE(shown.limits.high == doctest::Approx(0.14));
  CHECK(shown.extent == Limits{-0.74F, 0.56F});
  const ColorBar bar = color_bar(shown.colormap, shown.limits, shown.extent, 120, 3);
  CHECK(bar.labels == std::vector<std::string>{"0.14 to 0.56", "0", "-0.74 to -0.14"});
  CHECK(bar.values[0] == doctest::Approx(0.14));
  // A value of the limit has the colour at the end of the bar, one beyond as well.
  const ColorTable& table = color_table(Colormap::kSigned);
  CHECK(shown.image.at(2, 0) == table[255]);
  CHECK(shown.image.at(0, 0) == table[255]);
  CHECK(shown.image.at(1, 0) == table[0]);
  // The clipped ends are pointed: a row above the bar is narrower than the bar.
  const ColorBar whole = color_bar(shown.colormap, shown.limits, shown.limits, 120, 3);
  int row = 0;
  while (whole.image.at(0, row) == Rgb{255, 255, 255}) ++row;
  int width = 0;
  for (int x = 0; x < 13; ++x) width += bar.image.at(x, row - 2) == table[255] ? 1 : 0;
  CHECK(width > 2);
  CHECK(width < 13);
  for (int x = 0; x < 13; ++x) CHECK(whole.image.at(x, row - 2) == Rgb{255, 255, 255});
  // Gradients of 1e-11 are still told by their colours.
  std::vector<float> tiny(400, 0.0F);
  tiny[0] = 1e-11F;
  const Rendered faint = colorize(map_of(tiny, 20, 20), Style::signed_map());
  const double value =
      static_cast<double>(faint.limits.low) +
      color_index(normalize(map_of(tiny, 20, 20), Normalization::symmetric()).values[0]) / 255.0 *
          2.0 * static_cast<double>(faint.limits.high);
  CHECK(value == doctest::Approx(1e-11).epsilon(0.05));
}

TEST_CASE("text is drawn inside its box and shortened to fit") {
  Image canvas = make_image(200, 40, {255, 255, 255});
  draw_text(canvas, 5, 5, "Grad-CAM gy", 9, {0, 0, 0});
  int dark = 0;
  for (int y = 0; y < 40; ++y) {
    for (int x = 0; x < 200; ++x) {
      if (canvas.at(x, y).r == 255) continue;
      ++dark;
      CHECK((x >= 5 && x < 5 + text_width("Grad-CAM gy", 9)));
      CHECK((y >= 5 && y < 5 + line_height(9)));
    }
  }
  CHECK(dark > 100);
  draw_text(canvas, -500, 30, "outside", 9, {0, 0, 0});
  draw_text(canvas, 190, 36, "partly \xC3\xA9 \xFF outside", 9, {0, 0, 0});
  const std::string fitted = fit_text("a caption that is much too long", 9, 80);
  CHECK(text_width(fitted, 9) <= 80);
  CHECK(fitted.substr(fitted.size() - 3) == "...");
  CHECK(fit_text("short", 9, 80) == "short");
}

TEST_CASE("grids place tiles by column and row") {
  const std::vector<Tile> tiles{{make_image(20, 10, {255, 0, 0}), "a", ""},
                                {make_image(60, 10, {0, 255, 0}), "", ""},
                                {{}, "blank", ""},
                                {make_image(60, 30, {0, 0, 255}), "", "note"}};
  const Image page = grid(tiles, 2, {"one", "two"}, {"first", "second"});
  int red = 0;
  int green = 0;
  int blue = 0;
  for (int y = 0; y < page.height; ++y) {
    for (int x = 0; x < page.width; ++x) {
      red += page.at(x, y) == Rgb{255, 0, 0};
      green += page.at(x, y) == Rgb{0, 255, 0};
      blue += page.at(x, y) == Rgb{0, 0, 255};
    }
  }
  CHECK(red == 200);
  CHECK(green == 600);
  CHECK(blue == 1800);
  CHECK(kind_of([&] { (void)grid({}, 2); }) == ErrorKind::kShape);
  CHECK(kind_of([&] { (void)grid(tiles, 2, {"one"}); }) == ErrorKind::kShape);
}

TEST_CASE("pictures are cropped, magnified and checked") {
  Image x = make_image(2, 2);
  x.set(1, 0, {9, 8, 7});
  const Image large = magnify(x, 3);
  CHECK(large.width == 6);
  CHECK(large.at(5, 2) == Rgb{9, 8, 7});
  CHECK(crop(large, {3, 0, 3, 3}) == make_image(3, 3, {9, 8, 7}));
  CHECK(kind_of([&] { (void)crop(large, {4, 0, 3, 3}); }) == ErrorKind::kShape);
  x.rgb.pop_back();
  CHECK(kind_of([&] { validate(x, "x"); }) == ErrorKind::kShape);
  CHECK(kind_of([] { (void)make_image(0, 3); }) == ErrorKind::kShape);
  CHECK(to_gray(make_image(1, 1, {255, 0, 0})).at(0, 0) == Rgb{76, 76, 76});
}
