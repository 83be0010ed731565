#include "explain/training/data/survey.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "runtime/error.h"
#include "runtime/parallel.h"
#include "runtime/progress.h"
#include "weights/xxh64.h"

namespace cutaway::training {
namespace {

/// Of one picture. Sums of bytes are exact, so that their order does not matter.
struct Reading {
  std::string error;
  std::array<std::uint64_t, 3> sum{}, squares{};
  std::uint64_t pixels{0}, digest{0};
  int width{0}, height{0};
  bool grey{true};
};

Reading read_one(const LabelledSet& set, std::int64_t i) {
  Reading r;
  try {
    const explain::Image image = set.read(i);
    r.width = image.width;
    r.height = image.height;
    r.pixels = image.rgb.size() / 3;
    for (std::size_t p = 0; p < image.rgb.size(); p += 3) {
      for (std::size_t c = 0; c < 3; ++c) {
        const std::uint64_t v = image.rgb[p + c];
        r.sum[c] += v;
        r.squares[c] += v * v;
      }
      r.grey = r.grey && image.rgb[p] == image.rgb[p + 1] && image.rgb[p] == image.rgb[p + 2];
    }
    weights::Xxh64 hash;
    hash.update(std::as_bytes(std::span(image.rgb)));
    r.digest = hash.digest();
  } catch (const Error& error) {
    r.error = error.what();
  }
  return r;
}

void update(weights::Xxh64& hash, const std::string& text) {
  hash.update(std::as_bytes(std::span(text)));
  hash.update(std::as_bytes(std::span("\n", 1)));
}

class Totals {
 public:
  void add(const LabelledSet& set, std::int64_t i, const Reading& r, Survey& to) {
    if (!r.error.empty()) {
      to.unreadable.push_back({i, r.error});
      return;
    }
    const LabelledPicture& p = set.pictures[static_cast<std::size_t>(i)];
    update(hash_, p.name + "\t" + std::to_string(p.label) + "\t" + to_string(p.split) + "\t" +
                      weights::hex(r.digest));
    to.grey = to.grey && r.grey;
    to.sizes.try_emplace({r.width, r.height}, i);
    pixels_ += r.pixels;
    for (std::size_t c = 0; c < 3; ++c) {
      sum_[c] += r.sum[c];
      squares_[c] += r.squares[c];
    }
  }
  void finish(Survey& to) const {
    const auto n = static_cast<double>(std::max<std::uint64_t>(1, pixels_));
    for (std::size_t c = 0; c < 3; ++c) {
      to.mean[c] = static_cast<double>(sum_[c]) / n;
      const double variance = static_cast<double>(squares_[c]) / n - to.mean[c] * to.mean[c];
      to.std[c] = std::sqrt(std::max(variance, 0.0));
    }
    to.digest = weights::hex(hash_.digest());
  }

 private:
  weights::Xxh64 hash_;
  std::array<std::uint64_t, 3> sum_{}, squares_{};
  std::uint64_t pixels_{0};
};

}  // namespace

Survey survey(const LabelledSet& set, int threads, Observer& observer) {
  constexpr std::int64_t kBlock = 256;
  const auto count = static_cast<std::int64_t>(set.pictures.size());
  Survey found;
  Totals totals;
  Progress progress(observer, "check", count);
  for (std::int64_t first = 0; first < count; first += kBlock) {
    throw_if_cancelled(observer);
    const std::int64_t now = std::min(kBlock, count - first);
    std::vector<Reading> readings(static_cast<std::size_t>(now));
    parallel_for(threads, now, 8, [&](std::int64_t from, std::int64_t to) {
      for (std::int64_t i = from; i < to; ++i)
        readings[static_cast<std::size_t>(i)] = read_one(set, first + i);
    });
    for (std::int64_t i = 0; i < now; ++i)
      totals.add(set, first + i, readings[static_cast<std::size_t>(i)], found);
    progress.add(now);
  }
  totals.finish(found);
  return found;
}

void leave_out(LabelledSet& set, const std::vector<Survey::Unreadable>& pictures) {
  std::vector<LabelledPicture> kept;
  std::size_t next = 0;
  for (std::size_t i = 0; i < set.pictures.size(); ++i) {
    if (next < pictures.size() && pictures[next].picture == static_cast<std::int64_t>(i)) {
      ++next;
    } else {
      kept.push_back(std::move(set.pictures[i]));
    }
  }
  set.pictures = std::move(kept);
}

}  // namespace cutaway::training
