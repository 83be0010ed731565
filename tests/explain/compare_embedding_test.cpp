#include "explain/compare/feature_extractor.h"
#include "explain/compare/pca.h"
#include "explain/compare/tsne.h"
#include "runtime/error.h"
#include "tests/explain/compare_support.h"
#include "tests/explain/small_net.h"
#include "tests/support/random_tensor.h"

using namespace cutaway;
using namespace cutaway::explain;
using namespace cutaway::tests;

namespace {

void check_all(const std::vector<float>& got, const std::vector<float>& want, double tolerance) {
  REQUIRE(got.size() == want.size());
  double most = 0;
  for (const float v : want) most = std::max(most, std::fabs(static_cast<double>(v)));
  for (std::size_t k = 0; k < want.size(); ++k) {
    const double error = std::fabs(static_cast<double>(got[k]) - static_cast<double>(want[k]));
    REQUIRE(error <= tolerance * most);
  }
}

class CancelAfter final : public Observer {
 public:
  explicit CancelAfter(double steps) : steps_(steps) {}
  void progress(std::string_view, double done, double) override { stop_ = done >= steps_; }
  [[nodiscard]] bool cancelled() const noexcept override { return stop_; }

 private:
  double steps_;
  bool stop_{false};
};

}  // namespace

TEST_CASE("compare: principal components are scikit-learn's") {
  const CompareBundle bundle;
  for (const std::string group : {"/pca_tall", "/pca_wide"}) {
    CAPTURE(group);
    const auto variance = bundle.values(group + "/variance");
    const Pca pca = principal_components(bundle.matrix(group + "/features"),
                                         static_cast<std::int64_t>(variance.size()), 2);
    check_all(pca.axes.values, bundle.values(group + "/axes"), 1e-5);
    check_all(pca.scores.values, bundle.values(group + "/scores"), 1e-5);
    for (std::size_t k = 0; k < variance.size(); ++k) {
      CHECK(close(pca.variance[k], variance[k]));
      CHECK(close(pca.variance_ratio[k], bundle.values(group + "/ratio")[k]));
    }
  }
  // By hand: three points on a diagonal.
  const Pca line = principal_components({3, 2, {1, 1, 2, 2, 3, 3}}, 5, 1);
  CHECK(close(line.variance[0], 2.0));
  CHECK(close(line.variance_ratio[0], 1.0));
  CHECK(close(line.axes.row(0)[0], std::sqrt(0.5)));
  CHECK(close(line.axes.row(0)[1], std::sqrt(0.5)));
  CHECK(line.axes.rows == 2);
  CHECK_THROWS_AS((void)principal_components(random_features(1, 3, 1), 1, 1), Error);
  CHECK_THROWS_AS((void)principal_components(random_features(4, 3, 1), 0, 1), Error);
}

TEST_CASE("compare: t-SNE's affinities and gradient") {
  const CompareBundle bundle;
  FeatureMatrix digits = bundle.matrix("/tsne/features");
  digits.rows = 40;
  digits.values.resize(static_cast<std::size_t>(40 * digits.columns));
  const auto golden = bundle.values("/tsne/affinities");
  const auto p = tsne_affinities(digits, 8.0, 2);
  REQUIRE(golden.size() == p.size());
  // Both stop the bisection at 1e-5 in the entropy, at different places.
  for (std::size_t k = 0; k < p.size(); ++k) {
    REQUIRE(std::fabs(p[k] - static_cast<double>(golden[k])) <=
            1e-4 * static_cast<double>(golden[k]) + 1e-9);
  }
  // Three equidistant points: every p is 1/6, and an equilateral layout has no gradient.
  const FeatureMatrix triangle{3, 3, {1, 0, 0, 0, 1, 0, 0, 0, 1}};
  const auto sixths = tsne_affinities(triangle, 1.9, 1);
  for (std::size_t i = 0; i < 9; ++i) CHECK(close(sixths[i], i % 4 == 0 ? 0.0 : 1.0 / 6, 1e-12));
  const TsneGradient none = tsne_gradient(sixths, {0, 0, 1, 0, 0.5, std::sqrt(0.75)}, 1);
  for (const double v : none.values) CHECK(close(v, 0.0, 1e-12));
  CHECK(close(none.divergence, 0.0, 1e-12));
  // The gradient is that of the divergence, by central differences.
  std::vector<double> y{0.3, -0.2, 1.0, 0.4, -0.6, 0.9};
  const std::vector<double> q{0, 0.3, 0.1, 0.3, 0, 0.1, 0.1, 0.1, 0};
  const TsneGradient g = tsne_gradient(q, y, 2);
  for (std::size_t k = 0; k < y.size(); ++k) {
    const double at = y[k];
    y[k] = at + 1e-5;
    const double up = tsne_gradient(q, y, 1).divergence;
    y[k] = at - 1e-5;
    const double down = tsne_gradient(q, y, 1).divergence;
    y[k] = at;
    CHECK(close(g.values[k], (up - down) / 2e-5, 1e-7));
  }
}

TEST_CASE("compare: t-SNE of digits ends as low as scikit-learn's and keeps neighbours as well") {
  const CompareBundle bundle;
  const FeatureMatrix digits = bundle.matrix("/tsne/features");
  const auto golden = bundle.values("/tsne/values");
  const PlaneEmbedding e = tsne(digits, {}, 2);
  MESSAGE("divergence " << e.divergence << ", scikit-learn " << golden[0]);
  CHECK(e.divergence <= 1.05 * static_cast<double>(golden[0]));
  CHECK(e.divergence >= 0.9 * static_cast<double>(golden[0]));
  const double kept = trustworthiness(digits, e.points, 12, 2);
  MESSAGE("trustworthiness " << kept << ", scikit-learn " << golden[1]);
  CHECK(kept >= static_cast<double>(golden[1]) - 0.005);
}

TEST_CASE("compare: trustworthiness is scikit-learn's") {
  const CompareBundle bundle;
  const FeatureMatrix x = bundle.matrix("/comparison/features");
  FeatureMatrix plane = make_feature_matrix(x.rows, 2);
  for (std::int64_t i = 0; i < x.rows; ++i) {
    std::ranges::copy(x.row(i).first(2), plane.row(i).begin());
  }
  const auto golden = bundle.values("/comparison/trustworthiness");
  CHECK(close(trustworthiness(x, plane, 4, 2), golden[0], 1e-6));
  CHECK(close(trustworthiness(x, plane, 9, 1), golden[1], 1e-6));
  CHECK(close(trustworthiness(x, x, 5, 1), 1.0, 1e-12));
  CHECK_THROWS_AS((void)trustworthiness(x, plane, 15, 1), Error);
}

TEST_CASE("compare: t-SNE is the same on any number of threads, and can be cancelled") {
  const FeatureMatrix f = random_features(33, 60, 4);
  TsneOptions o;
  o.iterations = 60;
  o.early = 20;
  CHECK(tsne(f, o, 1).points.values == tsne(f, o, 3).points.values);
  CHECK(tsne(f, o, 1).perplexity < 11.0);
  CancelAfter observer(7);
  CHECK_THROWS_AS((void)tsne(f, o, 1, observer), Cancelled);
  CHECK_THROWS_AS((void)tsne(random_features(2, 3, 1), o, 1), Error);
  o.perplexity = 0.5;
  CHECK_THROWS_AS((void)tsne(f, o, 1), Error);
}

TEST_CASE("compare: features of pictures do not depend on their batch") {
  const Model m = small_net(3);
  const NodeId relu = m.graph.find("relu2");
  const Tensor pictures = random_tensor({5, 3, 24, 24}, 9);
  const auto extract = [&](const std::vector<std::int64_t>& sizes, std::int64_t batch) {
    FeatureExtractor extractor(m,
                               {{0, Representation::kFlat},
                                {relu, Representation::kGap},
                                {relu, Representation::kCamHard},
                                {relu, Representation::kFlat, true},
                                {m.graph.find("fc"), Representation::kGap}},
                               {CpuStream(1), {}}, batch);
    std::size_t first = 0;
    for (const std::int64_t n : sizes) {
      const auto size = static_cast<std::size_t>(n) * 3 * 24 * 24;
      extractor.add(tensor_of({n, 3, 24, 24}, pictures.f32().subspan(first, size)));
      first += size;
    }
    return std::pair(extractor.features(), extractor.predictions());
  };
  const auto [whole, classes] = extract({4, 1}, 4);
  const auto [single, same_classes] = extract({2, 3}, 4);
  CHECK(classes == same_classes);
  REQUIRE(whole.size() == 5);
  for (std::size_t k = 0; k < 5; ++k) {
    CAPTURE(k);
    CHECK(whole[k].vectors.rows == 5);
    CHECK(whole[k].vectors.values == single[k].vectors.values);
    CHECK(whole[k].masks.values == single[k].masks.values);
  }
  CHECK(std::ranges::equal(whole[0].vectors.values, pictures.f32()));
  CHECK(whole[3].masks.columns == 144);
  // The mean of a map is the mean of its flat values.
  double sum = 0;
  for (std::size_t p = 0; p < 144; ++p) sum += static_cast<double>(whole[3].vectors.row(2)[p]);
  CHECK(close(whole[1].vectors.row(2)[0], sum / 144));
  // The most probable class is that of the largest score.
  const auto scores = whole[4].vectors.row(3);
  CHECK(std::ranges::max_element(scores) - scores.begin() == classes[3]);
  FeatureExtractor extractor(m, {{relu, Representation::kGap}}, {CpuStream(1), {}}, 2);
  CHECK_THROWS_AS(extractor.add(pictures), Error);
  CHECK_THROWS_AS(extractor.add(random_tensor({1, 3, 23, 24}, 1)), Error);
}
