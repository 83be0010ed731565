#pragma once

#include <cstdint>
#include <span>

#include "explain/runs/run_context.h"
#include "explain/training/data/labelled.h"
#include "layers/model.h"
#include "weights/preprocess.h"

namespace cutaway::training {

/// Maps behind rectifiers, and those that are 0 everywhere on all pictures.
struct DeadMaps {
  std::int64_t dead{0}, maps{0};
};

/// Looks at `pictures` of the set, prepared by `rule`, `batch` at a time. Throws as each_batch().
[[nodiscard]] DeadMaps count_dead_maps(const Model& model,
                                       const weights::Preprocess& rule,
                                       const LabelledSet& set,
                                       std::span<const std::int64_t> pictures,
                                       std::int64_t batch,
                                       const explain::RunContext& context);

}  // namespace cutaway::training
