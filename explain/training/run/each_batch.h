#pragma once

#include <functional>
#include <span>

#include "explain/runs/run_context.h"
#include "explain/training/data/labelled.h"
#include "explain/training/data/loader.h"
#include "layers/executor.h"
#include "weights/preprocess.h"

namespace cutaway::training {

/// Runs pictures of a set through a net, as many at a time as `input`, the
/// executor's, takes, prepared by `rule` on worker threads; `use` is called after every forward pass. `task` is its name in
/// progress. Throws Cancelled when the observer says so, and what reading a picture throws.
void each_batch(Executor& executor,
                const Shape& input,
                const weights::Preprocess& rule,
                const LabelledSet& set,
                std::span<const std::int64_t> pictures,
                const char* task,
                const explain::RunContext& context,
                const std::function<void(const BatchLoader::Batch&)>& use);

}  // namespace cutaway::training
