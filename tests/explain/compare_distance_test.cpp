#include "explain/compare/distance.h"

#include "explain/compare/representation.h"
#include "runtime/error.h"
#include "tests/explain/compare_support.h"
#include "tests/support/random_tensor.h"

using namespace cutaway;
using namespace cutaway::explain;
using namespace cutaway::tests;

namespace {

double naive(std::span<const float> a, std::span<const float> b, DistanceKind distance) {
  double aa = 0, bb = 0, ab = 0, dd = 0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    const auto x = static_cast<double>(a[k]), y = static_cast<double>(b[k]);
    aa += x * x;
    bb += y * y;
    ab += x * y;
    dd += (x - y) * (x - y);
  }
  if (distance == DistanceKind::kEuclidean) return std::sqrt(dd);
  if (distance == DistanceKind::kSquaredEuclidean) return dd;
  if (distance == DistanceKind::kCosine) return 1 - ab / (std::sqrt(aa) * std::sqrt(bb) + 1e-12);
  double units = 0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    const double x = aa > 0 ? static_cast<double>(a[k]) / std::sqrt(aa) : 0;
    const double y = bb > 0 ? static_cast<double>(b[k]) / std::sqrt(bb) : 0;
    units += (x - y) * (x - y);
  }
  return std::sqrt(units);
}

double kernel(const FeatureMatrix& f,
              std::int64_t i,
              std::int64_t j,
              std::int64_t p,
              std::int64_t q,
              std::int64_t plane,
              double sigma) {
  double d = 0;
  for (std::int64_t c = 0; c < f.columns / plane; ++c) {
    const double x = static_cast<double>(f.row(i)[static_cast<std::size_t>(c * plane + p)]) -
                     static_cast<double>(f.row(j)[static_cast<std::size_t>(c * plane + q)]);
    d += x * x;
  }
  return std::exp(-d / (2 * sigma * sigma));
}

double naive_mmd(const FeatureMatrix& f,
                 std::int64_t i,
                 std::int64_t j,
                 std::int64_t plane,
                 double sigma,
                 bool biased) {
  double uu = 0, vv = 0, uv = 0;
  for (std::int64_t p = 0; p < plane; ++p) {
    for (std::int64_t q = 0; q < plane; ++q) {
      uv += kernel(f, i, j, p, q, plane, sigma);
      if (!biased && p == q) continue;
      uu += kernel(f, i, i, p, q, plane, sigma);
      vv += kernel(f, j, j, p, q, plane, sigma);
    }
  }
  const auto z = static_cast<double>(plane);
  const double own = biased ? z * z : z * (z - 1);
  return uu / own + vv / own - 2 * uv / (z * z);
}

/// Columns centred, then the formula with the C x C kernels K = A A^T, written out.
double naive_cka(const FeatureMatrix& f, std::int64_t i, std::int64_t j, std::int64_t plane) {
  const std::int64_t channels = f.columns / plane;
  const auto centered = [&](std::int64_t row, std::int64_t c, std::int64_t p) {
    double mean = 0;
    for (std::int64_t k = 0; k < channels; ++k) {
      mean += static_cast<double>(f.row(row)[static_cast<std::size_t>(k * plane + p)]);
    }
    return static_cast<double>(f.row(row)[static_cast<std::size_t>(c * plane + p)]) -
           mean / static_cast<double>(channels);
  };
  double kl = 0, kk = 0, ll = 0;
  for (std::int64_t a = 0; a < channels; ++a) {
    for (std::int64_t b = 0; b < channels; ++b) {
      double k = 0, l = 0;
      for (std::int64_t p = 0; p < plane; ++p) {
        k += centered(i, a, p) * centered(i, b, p);
        l += centered(j, a, p) * centered(j, b, p);
      }
      kl += k * l;
      kk += k * k;
      ll += l * l;
    }
  }
  return 1 - kl / std::sqrt(kk * ll);
}

}  // namespace

TEST_CASE("compare: distances between vectors equal plain loops") {
  FeatureMatrix f = random_features(70, 2100, 3, 0.7);  // over the borders of the blocks
  for (float& v : f.row(5)) v = 0;
  std::ranges::copy(f.row(6), f.row(7).begin());
  for (const DistanceKind d : {DistanceKind::kEuclidean, DistanceKind::kSquaredEuclidean,
                               DistanceKind::kUnitEuclidean, DistanceKind::kCosine}) {
    CAPTURE(to_string(d));
    const DistanceMatrix m = pairwise_distances(f, d, 2);
    CHECK(m.values == pairwise_distances(f, d, 1).values);
    for (std::int64_t i = 0; i < m.n; ++i) {
      CHECK(m.at(i, i) == 0.0);
      for (std::int64_t j = i + 1; j < m.n; ++j) {
        REQUIRE(close(m.at(i, j), naive(f.row(i), f.row(j), d)));
        REQUIRE(m.at(i, j) == m.at(j, i));
      }
    }
  }
}

TEST_CASE("compare: MMD and CKA of maps equal plain loops") {
  const FeatureMatrix f = random_features(5, 4 * 6, 8);
  const MapSet maps{f, {1, 4, 2, 3}, nullptr, 1.3};
  for (std::int64_t i = 0; i < 5; ++i) {
    for (std::int64_t j = 0; j < 5; ++j) {
      if (i == j) continue;
      CHECK(close(pairwise_distances(maps, DistanceKind::kMmdBiased, 2).at(i, j),
                  naive_mmd(f, i, j, 6, 1.3, true)));
      CHECK(close(pairwise_distances(maps, DistanceKind::kMmdUnbiased, 1).at(i, j),
                  naive_mmd(f, i, j, 6, 1.3, false)));
      CHECK(close(pairwise_distances(maps, DistanceKind::kCka, 2).at(i, j), naive_cka(f, i, j, 6)));
    }
  }
  // The bandwidth: the median over all pairs of the 30 position vectors.
  std::vector<double> all;
  for (std::int64_t a = 0; a < 30; ++a) {
    for (std::int64_t b = a + 1; b < 30; ++b) {
      all.push_back(std::sqrt(-2 * std::log(kernel(f, a / 6, b / 6, a % 6, b % 6, 6, 1.0))));
    }
  }
  std::ranges::sort(all);
  REQUIRE(all.size() == 435);
  CHECK(close(median_distance(maps), all[217]));
}

TEST_CASE("compare: the MMD of two points a bandwidth apart, and of a set with itself") {
  // 2 (1 - exp(-1/2)) by hand.
  const FeatureMatrix u{1, 2, {0, 0}}, v{1, 2, {3, 4}};
  CHECK(close(mmd(u, v, 5.0, true), 0.7869387, 1e-7));
  const FeatureMatrix w = random_features(9, 3, 1);
  CHECK(close(mmd(w, w, 0.8, true), 0.0, 1e-12));
  // Unbiased: the diagonals of the two sets leave, that of the cross term stays.
  CHECK(mmd(w, w, 0.8, false) < 0.0);
  CHECK_THROWS_AS((void)mmd(u, v, 5.0, false), Error);
  CHECK_THROWS_AS((void)mmd(u, v, 0.0, true), Error);
}

TEST_CASE("compare: permuted positions do not change the CKA of two pictures") {
  FeatureMatrix f = random_features(3, 5 * 8, 2);
  for (std::size_t c = 0; c < 5; ++c) {
    for (std::size_t p = 0; p < 8; ++p) f.row(2)[c * 8 + (p * 3) % 8] = f.row(1)[c * 8 + p];
  }
  const DistanceMatrix m = pairwise_distances(MapSet{f, {1, 5, 2, 4}}, DistanceKind::kCka, 1);
  CHECK(close(m.at(0, 1), m.at(0, 2), 1e-9));
  CHECK(close(m.at(1, 2), 0.0, 1e-9));
  CHECK(m.at(0, 1) > 0.1);
}

TEST_CASE("compare: linear CKA") {
  // By hand: the four points of a cross against their first coordinate.
  const FeatureMatrix cross{4, 2, {1, 0, 0, 1, -1, 0, 0, -1}}, first{4, 1, {1, 0, -1, 0}};
  CHECK(close(linear_cka(cross, first, 1), 0.70710678, 1e-7));
  // Invariant to rotation, scale and offset of the columns.
  const FeatureMatrix x = random_features(30, 2, 5);
  FeatureMatrix y = make_feature_matrix(30, 2);
  for (std::int64_t i = 0; i < 30; ++i) {
    const float a = x.row(i)[0], b = x.row(i)[1];
    y.row(i)[0] = 7 * (0.6f * a - 0.8f * b) + 1;
    y.row(i)[1] = 7 * (0.8f * a + 0.6f * b) - 3;
  }
  CHECK(close(linear_cka(x, y, 1), 1.0, 1e-6));
  const FeatureMatrix z = random_features(30, 2, 6);
  CHECK(linear_cka(x, z, 1) < 0.5);
  const FeatureMatrix constant = make_feature_matrix(30, 3);
  CHECK(linear_cka(x, constant, 1) == 0.0);
  const FeatureMatrix* sets[] = {&x, &z, &y};
  const auto m = linear_cka_matrix(sets, sets, 2);
  CHECK(close(m[1], linear_cka(x, z, 1), 1e-12));
  CHECK(close(m[1], m[3], 1e-12));
  CHECK(close(m[8], 1.0, 1e-12));
  CHECK_THROWS_AS((void)linear_cka(x, cross, 1), Error);
}

TEST_CASE("compare: the distance of aligned crops under masks") {
  const FeatureMatrix f{2, 4, {1, 2, 3, 4, 1, 0, 0, 4}};  // two maps of two positions
  const FeatureMatrix masks{2, 2, {1, 0.5f, 0.5f, 1}};
  MapSet maps{f, {1, 2, 1, 2}, &masks};
  // Position 0: 0 + 9 with weight 0.5; position 1: 4 + 0 with weight 0.5.
  CHECK(close(pairwise_distances(maps, DistanceKind::kAligned, 1).at(0, 1), 6.5, 1e-12));
  maps.masks = nullptr;
  CHECK(close(pairwise_distances(maps, DistanceKind::kAligned, 1).at(0, 1), 6.5, 1e-12));
  const FeatureMatrix disjoint{2, 2, {1, 0, 0, 1}};
  maps.masks = &disjoint;
  CHECK(std::isnan(pairwise_distances(maps, DistanceKind::kAligned, 1).at(0, 1)));
  const FeatureMatrix wrong = make_feature_matrix(2, 3);
  maps.masks = &wrong;
  CHECK_THROWS_AS((void)pairwise_distances(maps, DistanceKind::kAligned, 1), Error);
}

TEST_CASE("compare: representations equal plain loops") {
  const Tensor maps = random_tensor({2, 3, 2, 5}, 4);
  const auto at = [&](std::size_t c, std::size_t p) {
    return static_cast<double>(maps.f32()[(3 + c) * 10 + p]);  // image 1
  };
  const auto made = [&](Representation r, std::span<const float> mask) {
    std::vector<float> v(static_cast<std::size_t>(representation_size(r, maps.shape())));
    represent(maps, 1, r, mask, v);
    return v;
  };
  const std::vector<float> class_map{-1, 0, 1, 2, 3, 0, 0, -0.25f, 1, 1};
  const auto soft = class_mask(class_map, false), hard = class_mask(class_map, true);
  const auto gram = made(Representation::kGram, {});
  double norm = 0;
  for (const float v : gram) norm += static_cast<double>(v) * static_cast<double>(v);
  double frobenius = 0;
  for (std::size_t c = 0; c < 3; ++c) {
    double sum = 0, most = at(c, 0), masked = 0, weights = 1e-8, cut = 0, inside = 1e-8;
    for (std::size_t p = 0; p < 10; ++p) {
      sum += at(c, p);
      most = std::max(most, at(c, p));
      const double m = (static_cast<double>(class_map[p]) + 1) / 4;
      masked += m * at(c, p);
      weights += m;
      if (m > 0.2) {
        cut += at(c, p);
        inside += 1;
      }
    }
    CHECK(close(made(Representation::kGap, {})[c], sum / 10));
    CHECK(close(made(Representation::kGmp, {})[c], most));
    CHECK(close(made(Representation::kCamSoft, soft)[c], masked / weights));
    CHECK(close(made(Representation::kCamHard, hard)[c], cut / inside));
    for (std::size_t d = 0; d < 3; ++d) {
      double inner = 0;
      for (std::size_t p = 0; p < 10; ++p) inner += at(c, p) * at(d, p) / 10;
      frobenius += inner * inner;
    }
  }
  CHECK(close(norm, frobenius));
  CHECK(std::ranges::equal(made(Representation::kFlat, {}), maps.f32().subspan(30)));
  CHECK(class_mask(std::vector<float>{2, 2}, false) == std::vector<float>{0, 0});
  CHECK_THROWS_AS((void)made(Representation::kCamSoft, std::vector<float>{1}), Error);
  for (const std::string& name : representation_names()) {
    CHECK(to_string(find_representation(name)) == name);
  }
  for (const std::string& name : distance_names()) CHECK(to_string(find_distance(name)) == name);
  CHECK_THROWS_AS((void)find_distance("cosin"), Error);
  CHECK_THROWS_AS((void)find_representation("gab"), Error);
}
