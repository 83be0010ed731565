#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "explain/training/roar/roar_run.h"
#include "explain/training/run/prepare.h"
#include "explain/training/sweep/sweep_run.h"
#include "tools/program/context.h"

namespace cutaway::tools {

/// The command line of a training on labelled pictures. Numbers below 0: the recipe's.
struct TrainOptions {
  std::string net, data, out, recipe, head, from, losses, validation, balanced, sweep;
  std::vector<std::string> freeze, classes, explain{"gradcam", "saliency"};
  bool freeze_norms{false}, resume{false}, overwrite{false};
  double rate{-1}, weight_decay{-1}, filter_radius{-1}, smoothing{-1};
  float dropout{0};
  std::int64_t epochs{-1}, batch{-1}, per_class{0}, checkpoint_steps{0}, explain_every{0};
};

/// The recipe file or the shipped one of that name, with what the command line changes of it.
/// Throws kUsage and kInput.
[[nodiscard]] Recipe recipe_of(const TrainOptions& options, const Context& context);

/// Opens what `data` names, "creatures:COUNT" among it, rendered with that height. Throws kUsage
/// and kInput.
[[nodiscard]] training::LabelledSet open_labelled(const std::string& data,
                                                  std::int64_t height,
                                                  const std::vector<std::string>& classes,
                                                  const Context& context);

/// The whole job, its data read once. Throws as recipe_of, open_labelled and prepare_training do.
[[nodiscard]] training::TrainJob training_job(const TrainOptions& options, const Context& context);
/// The same of remove and retrain; methods, levels and seeds are the caller's.
[[nodiscard]] training::RoarJob roar_job(const TrainOptions& options, const Context& context);
/// The same of a sweep (training/sweep/sweep_plan.h): the recipe is what its variants change.
[[nodiscard]] training::SweepJob sweep_job(const TrainOptions& options, const Context& context);

}  // namespace cutaway::tools
