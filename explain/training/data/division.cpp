#include "explain/training/data/division.h"

#include <algorithm>
#include <cmath>

#include "runtime/error.h"
#include "runtime/philox.h"

namespace cutaway::training {
namespace {

constexpr std::uint64_t kStream = 0xD171'0000u;  // apart from orders and augmentation

/// Of every class its pictures in an order drawn from the seed.
std::vector<std::vector<std::int64_t>> drawn_by_class(const LabelledSet& set,
                                                      const std::vector<std::int64_t>& pictures,
                                                      std::uint64_t seed) {
  std::vector<std::vector<std::int64_t>> of_class(set.classes.size());
  for (const std::int64_t i : pictures) {
    const auto label = static_cast<std::size_t>(set.pictures[static_cast<std::size_t>(i)].label);
    of_class[label].push_back(i);
  }
  for (std::size_t c = 0; c < of_class.size(); ++c) {
    const Philox random{seed, kStream + c};
    auto& order = of_class[c];
    for (std::size_t i = order.size(); i > 1; --i)
      std::swap(order[i - 1], order[random.word(i) % i]);
  }
  return of_class;
}

void take_apart(const LabelledSet& set, const DivisionOptions& o, Division& d) {
  const auto of_class = drawn_by_class(set, d.train, o.seed);
  const bool draw = d.validation.empty() && !o.held_back;
  d.train.clear();
  for (const auto& order : of_class) {
    const auto all = static_cast<std::int64_t>(order.size());
    const std::int64_t back =
        draw ? std::min(std::llround(o.part * static_cast<double>(all)), all - 1LL) : 0;
    std::int64_t end = all;
    if (o.per_class > 0) end = std::min(end, back + o.per_class);
    d.validation.insert(d.validation.end(), order.begin(), order.begin() + back);
    d.train.insert(d.train.end(), order.begin() + back, order.begin() + end);
  }
  std::sort(d.train.begin(), d.train.end());
  std::sort(d.validation.begin(), d.validation.end());
}

}  // namespace

Division divide(const LabelledSet& set, const DivisionOptions& o) {
  if (set.classes.size() < 2) {
    throw Error(ErrorKind::kInput, "classes in the data")
        .expected("2 or more")
        .got(std::to_string(set.classes.size()))
        .hint("a folder a class, or a list with a label a picture");
  }
  Division d;
  std::vector<std::int64_t> training(set.classes.size(), 0);
  for (std::size_t i = 0; i < set.pictures.size(); ++i) {
    const LabelledPicture& p = set.pictures[i];
    const auto number = static_cast<std::int64_t>(i);
    if (o.held_back ? p.split == *o.held_back : p.split == Split::kValidation) {
      d.validation.push_back(number);
    } else if (p.split == Split::kTest) {
      d.test.push_back(number);
    } else if (p.split == Split::kTrain) {
      d.train.push_back(number);
      ++training[static_cast<std::size_t>(p.label)];
    }
  }
  for (std::size_t c = 0; c < training.size(); ++c) {
    if (training[c] > 0) continue;
    throw Error(ErrorKind::kInput, "class '" + set.classes[c] + "' has no training picture")
        .hint("leave it out with --classes, or add pictures");
  }
  if (o.held_back && d.validation.empty()) {
    throw Error(ErrorKind::kInput,
                "no picture of the split '" + std::string(to_string(*o.held_back)) + "'");
  }
  take_apart(set, o, d);
  return d;
}

}  // namespace cutaway::training
