#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace cutaway {

/// In which order a training sees its pictures: a pure function of (seed, epoch), so that a
/// training goes on where it stopped from two numbers, epoch and batch.
class BatchOrder {
 public:
  /// Every picture once an epoch, in a new order each; what does not fill a batch is left out.
  /// Throws kInput when there are fewer pictures than a batch has.
  static BatchOrder shuffled(std::int64_t pictures, std::int64_t batch, std::uint64_t seed);
  /// Batches of `classes` classes with `each` pictures of every one (P x K; Hermans et al. 2017),
  /// for losses that compare pictures. Within a class every picture comes once before any comes
  /// again. An epoch has as many batches as the pictures would fill. Throws kInput when fewer
  /// classes have pictures.
  static BatchOrder balanced(std::span<const std::int32_t> labels,
                             std::int64_t classes,
                             std::int64_t each,
                             std::uint64_t seed);

  [[nodiscard]] std::int64_t batches() const noexcept { return batches_; }
  [[nodiscard]] std::int64_t batch() const noexcept { return batch_; }
  /// Numbers of the pictures of batch `index` of `epoch`.
  [[nodiscard]] std::vector<std::int64_t> pictures(std::int64_t epoch, std::int64_t index) const;

 private:
  [[nodiscard]] std::vector<std::int64_t> order_of(std::int64_t epoch) const;
  [[nodiscard]] std::vector<std::int64_t> balanced_order(std::uint64_t epoch) const;

  std::int64_t count_{0}, batch_{0}, batches_{0}, classes_{0}, each_{0};
  std::vector<std::vector<std::int64_t>> of_class_;
  std::uint64_t seed_{0};
  mutable std::int64_t epoch_{-1};  // whose order this is
  mutable std::vector<std::int64_t> order_;
};

}  // namespace cutaway
