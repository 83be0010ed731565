// Filters, their renormalisation, and correspondence (Zeiler & Fergus 2013).

#include "explain/visualize/filters.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "explain/correspondence.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/flatten.h"
#include "layers/training/filter_norm.h"
#include "runtime/error.h"
#include "tests/support/random_tensor.h"

using namespace cutaway;
using namespace cutaway::explain;
using Floats = std::vector<float>;

TEST_CASE("a weak filter is dead, and frequencies fall into their bands") {
  Tensor w = zeros({4, 1, 16, 16});
  for (std::size_t i = 0; i < 256; ++i) {
    const double x = static_cast<double>(i % 16);
    w.f32()[i] = static_cast<float>(std::cos(2.0 * 3.14159265358979 * x / 16.0));            // 1/16
    w.f32()[256 + i] = static_cast<float>(std::cos(2.0 * 3.14159265358979 * x * 3 / 16.0));  // 3/16
    w.f32()[512 + i] = i % 2 == 0 ? 1.0f : -1.0f;                                            // 1/2
    w.f32()[768 + i] = 0.01f;  // constant and weak
  }
  const auto r = report_filters(w);
  CHECK(r[0].spectrum[0] > 0.8);  // the window spreads a line
  CHECK(r[1].spectrum[1] > 0.8);
  CHECK(r[2].spectrum[2] > 0.8);
  CHECK(r[3].spectrum[0] > 0.8);
  CHECK(report_filters(zeros({1, 1, 3, 3}))[0].spectrum == std::array<double, 3>{});
  CHECK(r[0].rms == doctest::Approx(std::sqrt(0.5)).epsilon(1e-6));
  CHECK_FALSE(r[0].dead);
  CHECK(r[3].dead);
}

TEST_CASE("a filter is dead below a twentieth of the median, not above") {
  // Root mean squares 1, 1, 1, 0.0501 and 0.0499 around the median 1.
  Tensor w = zeros({5, 1, 1, 1});
  const Floats rms{1.0f, 1.0f, 1.0f, 0.0501f, 0.0499f};
  std::ranges::copy(rms, w.f32().begin());
  const auto r = report_filters(w);
  CHECK_FALSE(r[3].dead);
  CHECK(r[4].dead);
}

TEST_CASE("tiles, separators and scales") {
  const Tensor w = tensor_of({2, 3, 1, 1}, Floats{1, 0, -1, 0.5f, 0.5f, 0});
  const Image each = draw_filters(w, FilterScale::kEach, 2, false);
  CHECK(each.width == 7);  // 1 + 2 + 1 + 2 + 1
  CHECK(each.height == 4);
  CHECK(each.at(0, 0) == Rgb{255, 255, 255});
  CHECK(each.at(1, 1) == Rgb{255, 128, 0});
  CHECK(each.at(5, 2) == Rgb{255, 255, 128});
  CHECK(draw_filters(w, FilterScale::kGlobal, 2, false).at(5, 2) == Rgb{191, 191, 128});
  CHECK(draw_filters(w, FilterScale::kEach, 2, true).at(1, 1) == Rgb{0, 128, 255});
  CHECK_THROWS_AS((void)draw_filters(zeros({2, 4, 3, 3}), FilterScale::kEach, 1, false), Error);
}

TEST_CASE("correspondence of sign changes") {
  const auto with_signs = [](const Floats& signs, std::int64_t features) {
    Tensor t = zeros({5, features, 1, 1});
    for (std::size_t i = 0; i < t.f32().size(); ++i)
      t.f32()[i] = signs[i / static_cast<std::size_t>(features)];
    return t;
  };
  const Tensor none = zeros({5, 7, 1, 1});
  Correspondence c = correspondence(with_signs({1, 1, 1, 1, 1}, 7), none);
  CHECK(c.mean == 0.0);
  CHECK(c.sum == 0.0);
  c = correspondence(with_signs({1, 1, 1, 1, -1}, 7), none);
  CHECK(c.mean == doctest::Approx(0.4));
  CHECK(c.sum == doctest::Approx(8.0 * 7.0));
  CHECK(c.deviation == doctest::Approx(std::sqrt(0.4 * 0.6)));
  // 0 against + is a difference; noise on exact zeros is not.
  Tensor whole = with_signs({1, 1, 1, 1, 0}, 7), hidden = none.clone();
  whole.f32()[4 * 7] = 2.0f;  // the last image has features too
  hidden.f32()[4 * 7] = 2.0f;
  c = correspondence(whole, hidden);
  CHECK(c.mean == doctest::Approx(0.4));
  Tensor noisy = hidden.clone();
  for (std::size_t i = 4 * 7 + 1; i < 35; ++i) noisy.f32()[i] += i % 2 == 0 ? 1e-9f : -1e-9f;
  CHECK(correspondence(whole, noisy).mean == c.mean);
  CHECK_THROWS_AS((void)correspondence(zeros({1, 3, 1, 1}), zeros({1, 3, 1, 1})), Error);
}

TEST_CASE("filters beyond the radius come back to it") {
  Stream stream = CpuStream(2);
  Graph g({1, 2, 5, 5});
  g.add("conv", std::make_shared<Conv>(3, kernels::ConvGeometry{3, 3, 1, 1, 0, 0, 1, 1, 1}));
  g.add("flat", std::make_shared<Flatten>());
  g.add("fc", std::make_shared<Dense>(2));
  Parameters p = Parameters::initialized(g, 1);
  const auto w = p.of(1)[0].f32();
  std::fill_n(w.begin(), 18, 0.2f);
  std::fill_n(w.begin() + 18, 18, 0.05f);
  std::fill_n(p.of(1)[1].f32().begin(), 3, 9.0f);
  std::ranges::fill(p.of(3)[0].f32(), 5.0f);
  const std::uint64_t version = p.version();
  CHECK(renormalize_filters(stream, g, p) == 2);
  CHECK(p.version() > version);
  CHECK(w[3] == doctest::Approx(0.1f));
  CHECK(w[20] == 0.05f);
  CHECK(p.of(1)[1].f32()[0] == 9.0f);
  CHECK(p.of(3)[0].f32()[0] == 5.0f);
  const Tensor once = p.of(1)[0].clone();
  CHECK(renormalize_filters(stream, g, p) == 0);
  CHECK(std::ranges::equal(once.f32(), w));
  CHECK_THROWS_AS((void)renormalize_filters(stream, g, p, 0.0), Error);
}
