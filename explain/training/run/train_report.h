#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "explain/runs/run_context.h"
#include "explain/training/run/train_job.h"
#include "explain/training/run/train_log.h"
#include "layers/model.h"

namespace cutaway::training {

/// What the page shows beside the curves.
struct TrainReport {
  const Model* model{nullptr};            ///< with its parameters of now
  const Evaluation* evaluation{nullptr};  ///< at the end
  std::int64_t steps{0}, of{0};
  std::vector<std::pair<std::int64_t, std::string>> sheets{};  ///< Watch::sheets()
};

/// The page of a training: while there is no evaluation it reloads itself every ten seconds.
[[nodiscard]] std::string report_page(const TrainJob& job,
                                      const std::vector<EpochRecord>& epochs,
                                      const TrainReport& now,
                                      const explain::RunContext& context);

/// The sections on an evaluation alone: accuracy, confusion, calibration and the worst pictures.
/// `rule`: how the net sees them.
[[nodiscard]] std::string evaluation_page(const std::string& title,
                                          const LabelledSet& set,
                                          const weights::Preprocess& rule,
                                          const Evaluation& evaluation,
                                          const explain::RunContext& context);

}  // namespace cutaway::training
