#pragma once

#include <cstdint>
#include <string>

#include "tools/training/creature_training.h"
#include "tools/training/train_options.h"

namespace cutaway::tools {

/// `cutaway train TARGET` without --data: a net of the zoo on creatures, written as one package.
/// `common` gives the target and what it has in common with trainings on other pictures.
[[nodiscard]] int train_creatures(CreatureTraining& options,
                                  const TrainOptions& common,
                                  const Context& context);

/// `cutaway evaluate MODEL` without pictures: accuracy and CAM boxes on `count` held-out creatures.
[[nodiscard]] int evaluate_creatures(const std::string& model,
                                     std::int64_t count,
                                     const Context& context);

}  // namespace cutaway::tools
