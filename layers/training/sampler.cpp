#include "layers/training/sampler.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "runtime/error.h"
#include "runtime/philox.h"

namespace cutaway {
namespace {

/// Fisher-Yates with counter-based numbers; `at` is the first counter.
void permute(std::vector<std::int64_t>& v, const Philox& random, std::uint64_t at) {
  for (std::size_t i = v.size(); i > 1; --i) {
    const Philox::Block b = random.block(at + i);
    const std::uint64_t wide = (std::uint64_t{b.v[0]} << 32) | b.v[1];
    std::swap(v[i - 1], v[wide % i]);
  }
}

}  // namespace

BatchOrder BatchOrder::shuffled(std::int64_t pictures, std::int64_t batch, std::uint64_t seed) {
  if (batch < 1 || pictures < batch) {
    throw Error(ErrorKind::kInput, "pictures to train on")
        .expected("at least one batch of " + std::to_string(batch))
        .got(std::to_string(pictures))
        .hint("take a smaller batch");
  }
  BatchOrder order;
  order.count_ = pictures;
  order.batch_ = batch;
  order.batches_ = pictures / batch;
  order.seed_ = seed;
  return order;
}

BatchOrder BatchOrder::balanced(std::span<const std::int32_t> labels,
                                std::int64_t classes,
                                std::int64_t each,
                                std::uint64_t seed) {
  BatchOrder order;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0) throw Error(ErrorKind::kInput, "a label below 0");
    const auto c = static_cast<std::size_t>(labels[i]);
    if (c >= order.of_class_.size()) order.of_class_.resize(c + 1);
    order.of_class_[c].push_back(static_cast<std::int64_t>(i));
  }
  std::erase_if(order.of_class_, [](const auto& pictures) { return pictures.empty(); });
  const auto have = static_cast<std::int64_t>(order.of_class_.size());
  if (classes < 1 || each < 1 || have < classes) {
    throw Error(ErrorKind::kInput, "classes with pictures for balanced batches")
        .expected("at least " + std::to_string(classes))
        .got(std::to_string(have));
  }
  order.count_ = static_cast<std::int64_t>(labels.size());
  order.batch_ = classes * each;
  order.batches_ = std::max<std::int64_t>(1, order.count_ / order.batch_);
  order.classes_ = classes;
  order.each_ = each;
  order.seed_ = seed;
  return order;
}

std::vector<std::int64_t> BatchOrder::balanced_order(std::uint64_t epoch) const {
  const Philox random{seed_, 2 * epoch + 1};
  const std::uint64_t far = std::uint64_t{1} << 40;  // room for the counters of one shuffle
  std::vector<std::vector<std::int64_t>> queues(of_class_.size());
  std::uint64_t shuffles = 0;
  const auto next_of = [&](std::size_t c) {
    if (queues[c].empty()) {
      queues[c] = of_class_[c];
      permute(queues[c], random, far * ++shuffles);
    }
    const std::int64_t picture = queues[c].back();
    queues[c].pop_back();
    return picture;
  };
  std::vector<std::int64_t> order, turns;
  for (std::int64_t b = 0; b < batches_; ++b) {
    std::vector<std::int64_t> chosen;
    while (static_cast<std::int64_t>(chosen.size()) < classes_) {
      if (turns.empty()) {
        turns.resize(of_class_.size());
        std::iota(turns.begin(), turns.end(), std::int64_t{0});
        permute(turns, random, far * ++shuffles);
        // Classes of this batch come last of the new turn.
        std::ranges::stable_partition(
            turns, [&](std::int64_t c) { return std::ranges::find(chosen, c) != chosen.end(); });
      }
      chosen.push_back(turns.back());
      turns.pop_back();
    }
    for (const std::int64_t c : chosen) {
      for (std::int64_t k = 0; k < each_; ++k)
        order.push_back(next_of(static_cast<std::size_t>(c)));
    }
  }
  return order;
}

std::vector<std::int64_t> BatchOrder::order_of(std::int64_t epoch) const {
  const auto e = static_cast<std::uint64_t>(epoch);
  if (classes_ > 0) return balanced_order(e);
  std::vector<std::int64_t> order(static_cast<std::size_t>(count_));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  permute(order, {seed_, 2 * e + 1}, 0);
  return order;
}

std::vector<std::int64_t> BatchOrder::pictures(std::int64_t epoch, std::int64_t index) const {
  check(epoch >= 0 && index >= 0 && index < batches_, "a batch that the epoch does not have");
  if (epoch != epoch_) {
    order_ = order_of(epoch);
    epoch_ = epoch;
  }
  const auto first = order_.begin() + static_cast<std::ptrdiff_t>(index * batch_);
  return {first, first + static_cast<std::ptrdiff_t>(batch_)};
}

}  // namespace cutaway
