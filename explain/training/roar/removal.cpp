#include "explain/training/roar/removal.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <utility>

#include "explain/pictures/preprocess.h"
#include "runtime/error.h"

namespace cutaway::training {
namespace {

constexpr std::uint8_t kStays = 255;

}  // namespace

RemovalOrder::RemovalOrder(std::vector<double> levels, std::int64_t height, std::int64_t width)
    : levels_(std::move(levels)),
      height_(height),
      width_(width),
      file_(ByteFile::temporary("the order in which pixels are removed")) {
  const bool rising = std::ranges::is_sorted(levels_, std::ranges::less_equal()) &&
                      std::ranges::adjacent_find(levels_) == levels_.end();
  if (levels_.empty() || levels_.size() >= kStays || !rising || !(levels_.front() > 0) ||
      !(levels_.back() < 1)) {
    throw Error(ErrorKind::kUsage, "shares of pixels to remove")
        .expected("1 to 254 rising numbers above 0 and below 1, 0.1,0.3,0.5");
  }
}

void RemovalOrder::add(std::span<const float> importance, bool keep, std::uint64_t number) {
  const auto count = static_cast<std::size_t>(height_ * width_);
  if (importance.size() != count) {
    throw Error(ErrorKind::kShape, "importance of a picture")
        .expected(std::to_string(count) + " numbers")
        .got(std::to_string(importance.size()));
  }
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::mt19937_64 random(number);
  // std::shuffle is another one in every library.
  for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  const auto value = [&](std::size_t p) {
    const float v = importance[p];
    return std::isnan(v) ? -std::numeric_limits<float>::infinity() : v;
  };
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    return keep ? value(a) < value(b) : value(a) > value(b);
  });
  std::vector<std::uint8_t> first(count, kStays);
  std::size_t done = 0;
  for (std::size_t k = 0; k < levels_.size(); ++k) {
    const auto until =
        static_cast<std::size_t>(std::llround(levels_[k] * static_cast<double>(count)));
    for (; done < until; ++done) first[order[done]] = static_cast<std::uint8_t>(k);
  }
  (void)file_->append(first);
  ++count_;
}

std::vector<std::uint8_t> RemovalOrder::gone(std::int64_t place, std::size_t level) const {
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(height_ * width_));
  file_->read(static_cast<std::uint64_t>(place) * pixels.size(), pixels);
  for (std::uint8_t& p : pixels) p = p <= level ? 1 : 0;
  return pixels;
}

RemovalStore::RemovalStore(LabelledSet set,
                           const weights::Preprocess& rule,
                           std::shared_ptr<const RemovalOrder> order,
                           std::size_t level,
                           std::array<double, 3> colour)
    : set_(std::move(set)), rule_(rule), order_(std::move(order)), level_(level), colour_{} {
  for (std::size_t c = 0; c < 3; ++c)
    colour_[c] = static_cast<std::uint8_t>(std::lround(std::clamp(colour[c], 0.0, 255.0)));
}

explain::Image RemovalStore::read(std::int64_t place) const {
  explain::Image image = explain::resize_and_crop(set_.read(place), rule_);
  const std::vector<std::uint8_t> gone = order_->gone(place, level_);
  for (std::size_t p = 0; p < gone.size(); ++p) {
    if (gone[p] == 0) continue;
    for (std::size_t c = 0; c < 3; ++c) image.rgb[3 * p + c] = colour_[c];
  }
  return image;
}

LabelledSet with_removed(const LabelledSet& set,
                         const weights::Preprocess& rule,
                         std::shared_ptr<const RemovalOrder> order,
                         std::size_t level,
                         std::array<double, 3> colour) {
  LabelledSet removed{set.classes, set.pictures,
                      std::make_shared<RemovalStore>(set, rule, std::move(order), level, colour)};
  for (std::size_t i = 0; i < removed.pictures.size(); ++i)
    removed.pictures[i].place = static_cast<std::int64_t>(i);
  return removed;
}

weights::Preprocess as_seen(weights::Preprocess rule) {
  rule.resize = weights::ResizeRule::kNone;
  rule.crop = weights::CropRule::kNone;
  return rule;
}

}  // namespace cutaway::training
