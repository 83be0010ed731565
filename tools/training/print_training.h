#pragma once

#include "explain/training/run/train_job.h"
#include "explain/training/sweep/sweep_run.h"
#include "tools/program/context.h"

namespace cutaway::tools {

/// What a training came to, on standard output.
void print_training(const training::TrainSummary& summary, const Context& context);

/// The table of a sweep on standard output: a line a variant, or JSON.
void print_sweep(const training::SweepSummary& summary, const Context& context);

}  // namespace cutaway::tools
