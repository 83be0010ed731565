#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "layers/training/trainer.h"

namespace cutaway::training {

/// One epoch, for the curves. What was not measured is NaN.
struct EpochRecord {
  std::int64_t epoch{0}, steps{0};  ///< 1 after the first
  double loss{0}, accuracy{0};      ///< of training, while the net changed
  double held_back_loss{0}, held_back_accuracy{0};
  double rate{0};                            ///< of the last update
  double weight_norm{0};                     ///< L2 norm of all trainable weights
  std::int64_t dead_filters{0}, filters{0};  ///< of the first convolution
  double images_per_second{0};
};

/// log.jsonl: a line an update, a line an epoch, in order.
class TrainLog {
 public:
  explicit TrainLog(std::string path) : path_(std::move(path)) {}

  /// Begins anew, in that file.
  void begin(const std::string& path);
  /// Keeps what was logged up to update `steps` and epoch `epochs`, and the epochs' records. Throws
  /// kInput when the log is missing or has no such lines.
  void go_on(std::int64_t steps, std::int64_t epochs);

  void add(std::int64_t step,
           std::int64_t epoch,
           const Trainer& trainer,
           const Trainer::Result& result,
           std::int64_t batch);
  void add(const EpochRecord& record);
  /// Brings it to the disk. Throws kInternal when that is full.
  void save();

  [[nodiscard]] const std::vector<EpochRecord>& epochs() const noexcept { return epochs_; }

 private:
  void append(std::string_view line);

  std::string path_, pending_;
  std::vector<EpochRecord> epochs_;
};

}  // namespace cutaway::training
