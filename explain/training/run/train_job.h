#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "explain/training/data/division.h"
#include "explain/training/data/labelled.h"
#include "explain/training/data/survey.h"
#include "explain/training/run/evaluation.h"
#include "layers/training/recipe.h"
#include "weights/package.h"

namespace cutaway::training {

/// What `cutaway train` is to do.
struct TrainJob {
  explicit TrainJob(weights::Package net_to_train) : start(std::move(net_to_train)) {}

  weights::Package start;  ///< with the first parameters (start_net)
  std::string out;         ///< folder for everything the run writes
  std::string net, data;   ///< as the user names them
  LabelledSet set;         ///< without what cannot be read
  Survey survey;  ///< of the whole data; its numbers are those before anything was left out
  /// What was left out: name, and why.
  std::vector<std::pair<std::string, std::string>> unreadable{};
  Recipe recipe;
  DivisionOptions division;
  std::int64_t checkpoint_steps{0};  ///< above 0: a checkpoint every so many updates too
  /// Above 0: after every so many epochs, explanations of held-back pictures by these methods.
  std::int64_t explain_every{0};
  std::vector<std::string> explain_methods{"gradcam", "saliency"};
  bool resume{false}, overwrite{false};
};

/// What came of it.
struct TrainSummary {
  std::string model;  ///< the trained package
  std::int64_t steps{0}, epochs{0}, trained_on{0}, held_back{0}, unreadable{0}, renormalized{0};
  double seconds{0}, loss{0};  ///< loss: of the last epoch's training
  /// On the test pictures where there are any, else on the validation pictures.
  Evaluation evaluation;
  bool on_test{false};
  std::string damaged;  ///< checkpoints that were damaged, a line each; empty: none
};

}  // namespace cutaway::training
