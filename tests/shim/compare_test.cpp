#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <vector>

#include "tests/parity/compare.h"

// The judge of the GPU suite, which no GPU is needed for: every way to fail must fail.
namespace {

using namespace parity;

/// 1 x 5 x 6 x 7 channels-last, three padding lanes, all elements different.
Region region() {
  Region r;
  r.name = "output";
  r.shape = {1, 5, 6, 7};
  r.layout = {8};
  r.output = true;
  r.bytes.resize(6 * 7 * 8 * sizeof(float));
  return r;
}

void put(Region& r, std::size_t i, float v) { std::memcpy(r.bytes.data() + i * 4, &v, 4); }

std::vector<Region> filled() {
  Region r = region();
  for (std::size_t i = 0; i < r.bytes.size() / 4; ++i) {
    put(r, i, i % 8 < 5 ? 1.0f + static_cast<float>(i) * 0.001f : 0.0f);
  }
  return {r};
}

/// What the judge says when the CUDA side is changed like that.
std::string fault(const std::function<void(Region&)>& change, double tolerance = 1e-5) {
  Case c;
  c.tolerance = tolerance;
  std::vector<Region> got = filled();
  change(got[0]);
  return compare(c, got, filled()).fault;
}

TEST_CASE("equal results pass, and a tolerance of zero means the same values") {
  CHECK(fault([](Region&) {}, 0.0).empty());
  CHECK_FALSE(fault([](Region& r) { put(r, 3, 1.0030001f); }, 0.0).empty());
  CHECK(fault([](Region& r) { put(r, 3, 1.0030001f); }).empty());
}

TEST_CASE("every kind of difference is found") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(fault([](Region& r) { put(r, 3, 1.1f); }).find("tolerance") != std::string::npos);
  CHECK(fault([&](Region& r) { put(r, 3, nan); }).find("NaN") != std::string::npos);
  CHECK(fault([](Region& r) { put(r, 3, INFINITY); }).find("infinite") != std::string::npos);
  CHECK(fault([](Region& r) { put(r, 7, 0.5f); }).find("padding") != std::string::npos);
  CHECK(fault([](Region& r) {
          std::memcpy(r.bytes.data() + 12, &kPoison, 4);
        }).find("never written") != std::string::npos);
  CHECK(fault([](Region& r) { r.canaries = false; }).find("outside") != std::string::npos);
  CHECK_FALSE(fault([](Region& r) { r.bytes.resize(8); }).empty());
  CHECK_FALSE(compare(Case{}, {}, {}).fault.empty());
}

TEST_CASE("results that are mostly zero are not trusted unless the case says so") {
  std::vector<Region> zeros{region()};
  Case c;
  CHECK(compare(c, zeros, zeros).fault.find("MISTRUSTED") != std::string::npos);
  c.zeros = true;
  CHECK(compare(c, zeros, zeros).fault.empty());
}

TEST_CASE("a case that compares nothing fails") {
  std::vector<Region> inputs{region()};
  inputs[0].bytes.clear();
  CHECK(compare(Case{}, inputs, inputs).fault == "nothing was compared");
}

}  // namespace
