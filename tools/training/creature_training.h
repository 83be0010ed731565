#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tools/program/context.h"
#include "weights/package.h"

namespace cutaway::tools {

/// Training on creatures that are rendered while the net learns.
struct CreatureTraining {
  std::string architecture{"gap-small"};
  std::int64_t images{12000}, epochs{8}, batch{64}, held_out{1000};
  /// Epochs (1 is the first) after which `checkpoint` is called.
  std::vector<std::int64_t> checkpoints;
  std::function<void(const weights::Package&, std::int64_t epoch)> checkpoint;
  float rate{0.1f}, weight_decay{5e-4f}, smoothing{0.05f};
  double filter_radius{0};  ///< Trainer::Options::filter_radius
  /// Number of the first held-out picture: far from any training picture of the same seed.
  static constexpr std::uint64_t kHeldOutFirst = 1'000'000'000;
};

struct TrainedNet {
  weights::Package package;
  std::int64_t held_out{0}, updates{0}, renormalized{0};
  double accuracy{0};      ///< of held-out pictures, in [0, 1]
  double localization{0};  ///< GT-known: CAM box of the true class, 20 % of the maximum, IoU >= 0.5
  double seconds{0};
};

/// Renders, trains, folds batch normalisation into the convolutions, and measures on held-out
/// pictures.
[[nodiscard]] TrainedNet train_on_creatures(const CreatureTraining& options,
                                            const Context& context);

/// Accuracy and CAM localisation of a net on creatures [first, first + count) of a seed.
struct CreatureScore {
  double accuracy{0}, localization{0};
};
[[nodiscard]] CreatureScore score_on_creatures(const weights::Package& package,
                                               std::uint64_t seed,
                                               std::uint64_t first,
                                               std::int64_t count,
                                               const Context& context);

}  // namespace cutaway::tools
