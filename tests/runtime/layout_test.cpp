#include "runtime/layout.h"

#include <doctest/doctest.h>

#include <set>
#include <vector>

#include "runtime/error.h"

using namespace cutaway;

TEST_CASE("shape: counts, text, rounding") {
  const Shape s{8, 64, 56, 55};
  CHECK(to_string(s) == "8x64x56x55");
  CHECK(s.count() == 8 * 64 * 56 * 55);
  CHECK(s.plane() == 56 * 55);
  CHECK(ceil_div(0, 16) == 0);
  CHECK(ceil_div(1, 16) == 1);
  CHECK(ceil_div(16, 16) == 1);
  CHECK(round_up(17, 16) == 32);
  CHECK(round_up(16, 16) == 16);
}

TEST_CASE("shape: validation refuses empty, negative and enormous extents without overflowing") {
  CHECK_NOTHROW(validate({1, 1, 1, 1}, "x"));
  CHECK_NOTHROW(validate({1 << 10, 1 << 10, 1 << 10, 1 << 9}, "x"));
  const std::int64_t huge = INT64_MAX;
  for (const Shape& bad :
       {Shape{0, 1, 1, 1}, Shape{1, -1, 1, 1}, Shape{1, 1, 0, 1}, Shape{1, 1, 1, huge},
        Shape{huge, huge, huge, huge}, Shape{1 << 11, 1 << 10, 1 << 10, 1 << 10},
        Shape{2, std::int64_t{1} << 40, 1, 1}, Shape{-1, -1, 1, 1}}) {
    CAPTURE(to_string(bad));
    try {
      validate(bad, "picture");
      FAIL("accepted");
    } catch (const Error& e) {
      CHECK(e.kind() == ErrorKind::kShape);
      CHECK(std::string(e.what()).find("picture") == 0);
    }
  }
}

TEST_CASE("layout: a dense view visits every stored element once") {
  for (const std::int64_t block : {1, 8, 16, 24}) {
    for (const std::int64_t channels : {1, 3, 16, 17, 24}) {
      const Shape s{2, channels, 3, 5};
      std::vector<float> memory(static_cast<std::size_t>(stored_count(s, Layout{block})), -1.0f);
      const View<float> v = dense_view(memory.data(), s, Layout{block});
      CHECK(v.stored() == static_cast<std::int64_t>(memory.size()));
      std::set<std::int64_t> seen;
      for (std::int64_t n = 0; n < s.n; ++n) {
        for (std::int64_t c = 0; c < v.blocks() * block; ++c) {
          for (std::int64_t h = 0; h < s.h; ++h) {
            for (std::int64_t w = 0; w < s.w; ++w) seen.insert(v.offset(n, c, h, w));
          }
        }
      }
      CHECK(static_cast<std::int64_t>(seen.size()) == v.stored());
      CHECK(*seen.begin() == 0);
      CHECK(*seen.rbegin() == v.stored() - 1);
    }
  }
}

TEST_CASE("layout: plain is NCHW, a block of all channels is NHWC") {
  const Shape s{2, 3, 4, 5};
  float base = 0;
  const View<float> nchw = dense_view(&base, s, kPlain);
  CHECK(nchw.offset(1, 2, 3, 4) == ((1 * 3 + 2) * 4 + 3) * 5 + 4);
  const View<float> nhwc = dense_view(&base, s, channels_last(3));
  CHECK(nhwc.block == 8);
  CHECK(nhwc.offset(1, 2, 3, 4) == ((1 * 4 + 3) * 5 + 4) * 8 + 2);
  const View<float> blocked = dense_view(&base, {1, 40, 2, 2}, kBlocked16);
  CHECK(blocked.blocks() == 3);
  CHECK(blocked.offset(0, 37, 1, 0) == 2 * (2 * 2 * 16) + 1 * 2 * 16 + 5);
  CHECK(blocked.lanes() == 16);
}

TEST_CASE("layout: slices of channels and images address the same memory") {
  std::vector<float> memory(2 * 48 * 2 * 3);
  for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<float>(i);
  for (const Layout layout : {kPlain, kBlocked16, channels_last(48)}) {
    const View<float> whole = dense_view(memory.data(), {2, 48, 2, 3}, layout);
    const View<float> part = channel_slice(whole, 16, 24);
    CHECK(part.shape == Shape{2, 24, 2, 3});
    CHECK(part.at(1, 20, 1, 2) == whole.at(1, 36, 1, 2));
    CHECK(part.at(0, 0, 0, 0) == whole.at(0, 16, 0, 0));
    const View<float> nested = channel_slice(part, 16, 8);
    CHECK(nested.at(1, 7, 0, 1) == whole.at(1, 39, 0, 1));
    const View<float> second = image_slice(whole, 1, 1);
    CHECK(second.shape.n == 1);
    CHECK(second.at(0, 5, 1, 1) == whole.at(1, 5, 1, 1));
    const View<const float> readable = part;
    CHECK(readable.at(1, 20, 1, 2) == part.at(1, 20, 1, 2));
  }
  // A channels-last slice visits its own lanes, not its neighbour's.
  CHECK(channel_slice(dense_view(memory.data(), {2, 48, 2, 3}, channels_last(48)), 16, 8).lanes() ==
        8);
}
