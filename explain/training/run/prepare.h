#pragma once

#include <string>
#include <vector>

#include "explain/runs/run_context.h"
#include "explain/training/run/start_net.h"
#include "explain/training/run/train_job.h"

namespace cutaway::training {

/// Reads every picture once, builds the net, and leaves out what cannot be read, with a warning a
/// picture. The rest of the job is the caller's. Throws as survey() and start_net() do, and kInput
/// when no picture can be read.
[[nodiscard]] TrainJob prepare_training(const NetRequest& net,
                                        LabelledSet set,
                                        const Recipe& recipe,
                                        const explain::RunContext& context);

/// Surveys the set and leaves out what cannot be read; returns name and reason of each.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> leave_out_unreadable(
    LabelledSet& set, const Survey& survey, const explain::RunContext& context);

}  // namespace cutaway::training
