#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "runtime/error.h"
#include "weights/import/row_bands.h"
#include "weights/import/transform.h"

using namespace cutaway;
using namespace cutaway::weights;

namespace {

TEST_CASE("transforms, by hand") {
  const std::vector<float> x{0, 1, 2, 3, 4, 5};
  std::vector<float> y(6);
  apply(transform_between("AB->BA"), {2, 3}, x, y);
  CHECK(y == std::vector<float>{0, 3, 1, 4, 2, 5});
  Transform flip;
  flip.flip = true;
  apply(flip, {1, 1, 2, 3}, x, y);
  CHECK(y == std::vector<float>{5, 4, 3, 2, 1, 0});
  Transform hwc;
  hwc.hwc = {1, 3, 2};
  apply(hwc, {1, 6}, x, y);  // pixel-major pairs become two planes
  CHECK(y == std::vector<float>{0, 2, 4, 1, 3, 5});
  CHECK(source_extents(transform_between("HWIO->OIHW"), {64, 3, 7, 5}) == Extents{7, 5, 3, 64});
  CHECK_THROWS_AS((void)transform_between("HWIO->OIHH"), Error);
  CHECK_THROWS_AS((void)count_of({std::int64_t{1} << 40, 2}), Error);
  CHECK_THROWS_AS((void)count_of({3, -1}), Error);
}

// What RowBands puts, against apply() of the whole.
void check_by_rows(const Transform& t, const Extents& extents, std::size_t bands = 1) {
  const auto count = static_cast<std::size_t>(count_of(extents));
  std::vector<float> x(count), whole(count), parts;
  std::iota(x.begin(), x.end(), 0.0F);
  apply(t, extents, x, whole);
  parts.reserve(count);
  const auto read = [&](std::int64_t first, std::span<float> to) {
    std::copy_n(x.begin() + first, to.size(), to.begin());
  };
  const auto rows = RowBands::of(t, extents);
  REQUIRE(rows);
  CHECK(rows->count() == bands);
  Tensor room(Device{}, DType::kF32, {1, 1, 1, static_cast<std::int64_t>(rows->floats())});
  const std::span<float> band = room.f32();
  for (std::size_t i = 0; i < rows->count(); ++i) {
    rows->fill(i, read, band);
    rows->put(i, band, [&](std::span<const float> piece) {
      parts.insert(parts.end(), piece.begin(), piece.end());
    });
  }
  CHECK(parts == whole);
}

TEST_CASE("transforms by rows are those of the whole") {
  Transform dense = transform_between("IO->OI");
  check_by_rows(dense, {1, 1});
  check_by_rows(dense, {37, 5});
  check_by_rows(dense, {16, 33});
  check_by_rows(dense, {6000, 3001}, 3);
  dense.hwc = {3, 5, 7};
  dense.factor = 0.5F;
  check_by_rows(dense, {105, 19});
  Transform kernels = transform_between("HWIO->OIHW");
  check_by_rows(kernels, {3, 2, 5, 17});
  kernels.flip = kernels.swap_channels = true;
  check_by_rows(kernels, {3, 2, 5, 17});
}

TEST_CASE("transforms by rows: other axes are refused, failures come through") {
  CHECK_FALSE(RowBands::of(transform_between("HWIO->IOHW"), {3, 3, 4, 5}));
  CHECK_FALSE(RowBands::of(Transform{}, {8, 8}));
  const Transform t = transform_between("IO->OI");
  const auto rows = RowBands::of(t, {8, 8});
  REQUIRE(rows);
  std::vector<float> band(rows->floats());
  const auto cut = [](std::int64_t, std::span<float>) { throw std::runtime_error("cut short"); };
  CHECK_THROWS_AS(rows->fill(0, cut, band), std::runtime_error);
  const auto full = [](std::span<const float>) { throw std::runtime_error("disk full"); };
  CHECK_THROWS_AS(rows->put(0, band, full), std::runtime_error);
  Transform odd = t;
  odd.hwc = {2, 2, 3};
  CHECK_THROWS_AS((void)RowBands::of(odd, {8, 8}), Error);
}

}  // namespace
