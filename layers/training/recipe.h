#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "layers/training/head.h"
#include "layers/training/initialize.h"
#include "layers/training/losses/loss.h"
#include "layers/training/optimizer.h"
#include "layers/training/schedule.h"

namespace cutaway {

/// What is done to a training picture, drawn anew every time it is seen. Ranges hold the least and
/// the greatest.
struct Augmentation {
  bool crop{false};  ///< a random part, resized to the network's input (Szegedy et al. 2015)
  float crop_area[2]{0.08f, 1.0f};          ///< of the picture's area
  float crop_aspect[2]{0.75f, 1.3333334f};  ///< width by height
  float flip{0.0f};                         ///< probability of a mirror image
  std::int64_t shift{0};                    ///< pixels, each way, with repeated edges
  float scale[2]{1.0f, 1.0f};               ///< of the picture in its frame
  float rotation{0.0f};                     ///< degrees, each way
  float brightness{0.0f}, contrast{0.0f}, saturation{0.0f};  ///< factors from 1 - x to 1 + x

  friend bool operator==(const Augmentation&, const Augmentation&) = default;
};

/// How a net is trained: everything but the net and the data. Two trainings of one recipe on the
/// same data, in the same order, from the same net give the same bytes, whatever the number of
/// threads.
struct Recipe {
  std::int64_t epochs{10};
  std::int64_t batch{64};
  /// Both above 0: batches of `balanced_classes` classes with `balanced_each` pictures each
  /// (BatchOrder::balanced); `batch` is then their product.
  std::int64_t balanced_classes{0}, balanced_each{0};
  std::uint64_t seed{0};
  double validation{0.1};  ///< part of the pictures of every class that is kept out of training

  OptimizerOptions optimizer{};
  ScheduleOptions schedule{};
  std::vector<LossSpec> losses{LossSpec{}};

  /// Mixup (Zhang et al. 2018): images are mixed in pairs with a share drawn from Beta(mixup,
  /// mixup); 0: not.
  float mixup{0.0f};
  /// Cutout (DeVries & Taylor 2017): side of a square that is set to 0 at a random place of every
  /// image; 0: none.
  std::int64_t cutout{0};
  Augmentation augmentation{};

  InitialWeights initial{InitialWeights::kHe};
  std::vector<std::string> freeze{};  ///< layers whose parameters stay, by name (matching_nodes)
  bool freeze_batch_norm{false};      ///< batch normalisation keeps and uses its running estimates
  float average_decay{
      0.0f};  ///< above 0: keeps a moving average of the parameters (ParameterAverage)
  double filter_radius{0.0};  ///< above 0: renormalize_filters after every update

  /// Throws kUsage, naming the setting, when one is out of its range.
  void validate() const;
  /// Pictures an update.
  [[nodiscard]] std::int64_t batch_size() const noexcept {
    return balanced_classes > 0 && balanced_each > 0 ? balanced_classes * balanced_each : batch;
  }
};

}  // namespace cutaway
