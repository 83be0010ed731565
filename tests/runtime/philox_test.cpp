#include "runtime/philox.h"

#include <doctest/doctest.h>

#include <cmath>

using namespace cutaway;

namespace {

void expect(
    const Philox::Block& got, std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  CHECK(got.v[0] == a);
  CHECK(got.v[1] == b);
  CHECK(got.v[2] == c);
  CHECK(got.v[3] == d);
}

}  // namespace

TEST_CASE("philox: known answers of Random123 for philox4x32-10") {
  expect(Philox{0, 0}.block(0), 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u);
  expect(Philox{UINT64_MAX, UINT64_MAX}.block(UINT64_MAX), 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u,
         0x6d5451fdu);
  // Counter and key from the digits of pi, least significant word first.
  expect(Philox{0x299f31d0a4093822u, 0x0370734413198a2eu}.block(0x85a308d3243f6a88u), 0xd16cfe09u,
         0x94fdccebu, 0x5001e420u, 0x24126ea1u);
}

TEST_CASE("philox: words, streams and seeds") {
  const Philox p{7, 3};
  for (std::uint64_t i = 0; i < 12; ++i) CHECK(p.word(i) == p.block(i / 4).v[i % 4]);
  CHECK(p.word(0) != Philox{8, 3}.word(0));
  CHECK(p.word(0) != Philox{7, 4}.word(0));
  static_assert(Philox{0, 0}.block(0).v[0] == 0x6627e8d5u, "usable in constant expressions");
}

TEST_CASE("philox: uniform and normal numbers have the moments they should") {
  const Philox p{42, 1};
  constexpr int kCount = 200000;
  double mean = 0, square = 0, u_mean = 0, u_square = 0, fourth = 0;
  for (std::uint64_t i = 0; i < kCount; ++i) {
    const double x = static_cast<double>(normal(p, i)), u = static_cast<double>(p.uniform(i));
    CHECK_UNARY(u >= 0.0 && u < 1.0 && std::isfinite(x));
    mean += x / kCount;
    square += x * x / kCount;
    fourth += x * x * x * x / kCount;
    u_mean += u / kCount;
    u_square += u * u / kCount;
  }
  // Four standard errors: 1/sqrt(n), sqrt(2/n), sqrt(96/n); 1/sqrt(12 n) for the uniform mean.
  CHECK(std::fabs(mean) < 4 / std::sqrt(kCount));
  CHECK(std::fabs(square - 1) < 4 * std::sqrt(2.0 / kCount));
  CHECK(std::fabs(fourth - 3) < 4 * std::sqrt(96.0 / kCount));
  CHECK(std::fabs(u_mean - 0.5) < 4 / std::sqrt(12.0 * kCount));
  CHECK(std::fabs(u_square - 1.0 / 3) < 4 * std::sqrt(4.0 / 45 / kCount));
}
