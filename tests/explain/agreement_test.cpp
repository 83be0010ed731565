// The comparison that golden tests stand on: comparing nothing must fail.

#include "tests/support/agreement.h"

#include <doctest/doctest.h>

#include <vector>

using cutaway::tests::agreement;
using cutaway::tests::is_zero;

namespace {

bool passes(const std::vector<float>& got, const std::vector<float>& want) {
  const auto a = agreement(got, want);
  const bool cosine = a.cosine >= 0.999, largest = a.largest <= 0.001;
  CHECK(cosine == largest);
  return cosine;
}

}  // namespace

TEST_CASE("agreement: of equal values, and not of others") {
  CHECK(passes({1, -2, 3}, {1, -2, 3}));
  CHECK_FALSE(passes({1, -2, 3}, {1, 2, 3}));
  const std::vector<float> got{3, 4}, want{4, 3};
  CHECK(agreement(got, want).cosine == doctest::Approx(24.0 / 25.0));
  CHECK(agreement(got, want).largest == doctest::Approx(0.25));
  const std::vector<float> half{1.5f, 2.0f};
  CHECK(agreement(got, half, 2.0).largest == 0.0);
}

TEST_CASE("agreement: comparing nothing fails") {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  CHECK_FALSE(passes({}, {}));
  CHECK_FALSE(passes({0, 0}, {0, 0}));
  CHECK_FALSE(passes({0, 0}, {1, 0}));
  CHECK_FALSE(passes({1, 0}, {0, 0}));
  CHECK_FALSE(passes({1, 2, 3}, {1, 2}));
  CHECK_FALSE(passes({1, kNaN}, {1, kNaN}));
  CHECK_FALSE(passes({1, 2}, {1, kNaN}));
  CHECK(is_zero(std::vector<float>{0, -0.0f}));
  CHECK_FALSE(is_zero(std::vector<float>{0, kNaN}));
}
