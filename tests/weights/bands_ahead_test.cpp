#include "weights/import/bands_ahead.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>

using namespace cutaway;
using namespace cutaway::weights;

namespace {

TEST_CASE("bands come in order and whole, however large the next is") {
  std::vector<BandsAhead::Job> jobs;
  std::vector<std::size_t> sizes{3, 400'000, 1, 0, 700'000, 17};
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    jobs.push_back({sizes[i], [i](std::span<float> to) {
                      std::fill(to.begin(), to.end(), static_cast<float>(i));
                    }});
  }
  BandsAhead bands(jobs);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::span<const float> band = bands.next();
    CHECK(band.size() == sizes[i]);
    CHECK(
        std::all_of(band.begin(), band.end(), [&](float v) { return v == static_cast<float>(i); }));
    bands.release();
  }
}

TEST_CASE("one band is filled ahead of the one in hand, no more") {
  std::atomic<int> filled{0};
  const BandsAhead::Job job{1, [&](std::span<float>) {
                              ++filled;
                              filled.notify_all();
                            }};
  {
    BandsAhead bands({job, job, job, job, job});
    (void)bands.next();
    filled.wait(1);  // the second comes of itself
    CHECK(filled == 2);
    bands.release();
    (void)bands.next();
  }  // nobody takes the rest
  CHECK(filled <= 3);
}

TEST_CASE("what a job throws reaches the one who takes its band") {
  const BandsAhead::Job fine{1, [](std::span<float> to) { to[0] = 5; }};
  const BandsAhead::Job broken{1, [](std::span<float>) { throw std::runtime_error("cut short"); }};
  BandsAhead bands({fine, broken, fine});
  CHECK(bands.next()[0] == 5);
  bands.release();
  CHECK_THROWS_WITH_AS((void)bands.next(), "cut short", std::runtime_error);
  CHECK_THROWS_WITH_AS((void)bands.next(), "cut short", std::runtime_error);
}

}  // namespace
