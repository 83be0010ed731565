#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "explain/training/data/labelled.h"
#include "explain/training/data/stores.h"
#include "runtime/tensor.h"
#include "weights/preprocess.h"

namespace cutaway::training {

/// In which order the pixels of pictures go: for each pixel the first level at which it is gone.
/// They lie in a temporary file without a name, a byte a pixel, so that memory does not grow with the data.
class RemovalOrder {
 public:
  /// levels: shares of pixels, rising, within (0, 1); at most 254.
  RemovalOrder(std::vector<double> levels, std::int64_t height, std::int64_t width);

  /// The next picture's importance, height x width. The greatest goes first; with `keep` the least.
  /// Equal values go in a random order that is drawn from `number`: else a map that is 0 nearly
  /// everywhere would remove the first rows. NaN counts as the least.
  void add(std::span<const float> importance, bool keep, std::uint64_t number);
  /// How much of picture `place` is gone at a level: 1 at those pixels, else 0.
  [[nodiscard]] std::vector<std::uint8_t> gone(std::int64_t place, std::size_t level) const;
  [[nodiscard]] const std::vector<double>& levels() const noexcept { return levels_; }

 private:
  std::vector<double> levels_;
  std::int64_t height_, width_, count_{0};
  std::shared_ptr<ByteFile> file_;
};

/// The pictures of a set as the net sees them (cut and resized as `rule` says), with the pixels that
/// are gone at one level replaced by one colour (0..255, red, green, blue).
class RemovalStore final : public PictureStore {
 public:
  RemovalStore(LabelledSet set,
               const weights::Preprocess& rule,
               std::shared_ptr<const RemovalOrder> order,
               std::size_t level,
               std::array<double, 3> colour);
  [[nodiscard]] explain::Image read(std::int64_t place) const override;

 private:
  LabelledSet set_;
  weights::Preprocess rule_;
  std::shared_ptr<const RemovalOrder> order_;
  std::size_t level_;
  std::array<std::uint8_t, 3> colour_;
};

/// The set with every picture read from such a store; names, labels and splits stay.
[[nodiscard]] LabelledSet with_removed(const LabelledSet& set,
                                       const weights::Preprocess& rule,
                                       std::shared_ptr<const RemovalOrder> order,
                                       std::size_t level,
                                       std::array<double, 3> colour);

/// The rule of a net whose pictures are cut and resized already.
[[nodiscard]] weights::Preprocess as_seen(weights::Preprocess rule);

}  // namespace cutaway::training
