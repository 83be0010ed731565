#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "layers/training/named_tensor.h"
#include "layers/training/recipe.h"
#include "layers/training/schedule.h"

namespace cutaway {

/// Everything that a training needs to go on bit for bit, as Trainer::state() gives it and
/// Trainer::restore() takes it. Random numbers are functions of (seed, step), so the counters are
/// the state of the generator; the order of the data is a function of (seed, epoch) (BatchOrder),
/// so they are the place in the data too.
struct TrainingState {
  Recipe recipe{};
  std::int64_t steps{0};  ///< updates so far
  std::int64_t steps_per_epoch{
      1};  ///< the place in the data: epoch = steps / steps_per_epoch, batch = the rest
  ScheduleState schedule{};
  std::int64_t average_updates{0};
  std::int64_t renormalized{0};
  /// Parameters (parameters/NODE/PARAMETER), momenta (optimizer/...), averages (average/...),
  /// losses (loss/NUMBER/...).
  std::vector<NamedTensor> tensors{};
  /// What the caller wants back beside it, such as a digest of the data.
  std::string note{};
};

}  // namespace cutaway
