#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "explain/runs/choose_methods.h"
#include "explain/runs/run_context.h"
#include "explain/statistics/interval.h"
#include "explain/training/data/division.h"
#include "explain/training/data/labelled.h"
#include "explain/training/run/start_net.h"
#include "layers/training/recipe.h"

namespace cutaway::training {

/// What `cutaway roar NET --data DATA` is to do.
struct RoarJob {
  NetRequest net;
  Recipe recipe;  ///< its seed is that of the training
  LabelledSet set;
  std::string data, out;  ///< as the user names the data; folder for the results
  DivisionOptions division;
  std::vector<explain::MethodChoice> methods, options;
  std::string layer;  ///< of methods that take one; empty: the default one
  std::vector<double> levels{0.1, 0.3, 0.5, 0.7, 0.9};  ///< shares of pixels that are removed
  std::vector<std::uint64_t> seeds{1};
  bool keep{false};  ///< remove the least important pixels instead
  bool resume{false}, overwrite{false};
};

/// One training of it.
struct RoarRun {
  std::string method;  ///< "intact" of the net that is explained
  double level{0};
  std::uint64_t seed{0};
  double accuracy{0}, loss{0};  ///< of the pictures that were not trained on
};

/// One method or baseline: means over the seeds with 95 % intervals (mean_interval).
struct RoarRow {
  std::string method;
  std::vector<explain::Interval> accuracy;  ///< a level each
  explain::Interval area;  ///< under accuracy over the levels, trapezia, divided by their range
  /// `area` minus that of random removal, paired by seed: below 0 the method finds what the net
  /// needs (with keep: above 0).
  explain::Interval against_random;
};

struct RoarSummary {
  explain::Interval intact;  ///< accuracy on whole pictures
  std::vector<RoarRun> runs;
  std::vector<RoarRow> rows;          ///< the methods, then the baselines random and sobel
  std::vector<std::string> refusals;  ///< methods that the net cannot serve, with why
  std::int64_t unreadable{0};
  std::string report, manifest;
  bool complete_before{false};  ///< a finished run was resumed: report and manifest alone are known
};

/// Remove and retrain (ROAR; with keep KAR: Hooker et al. 2019, "A benchmark for interpretability
/// methods in deep neural networks", section 3): a net is trained for every seed; its explanations of all pictures, for their
/// labels, tell which pixels are removed from the pictures of training and test alike, and replaced
/// by the mean colour of the data; a new net is trained on what is left. Where its accuracy
/// falls faster than under random removal, the explanation found what nets need.
/// Every training lies in METHOD/level-P/seed-S as run_training() leaves it. Writes roar.csv
/// (a line a training), areas.csv, report.html and manifest.json last. Memory does not grow
/// with the data. With job.resume goes on with the training that was stopped. Throws as
/// start_net(), choose_methods() and run_training() do, and kUsage for levels or seeds that do not rise.
[[nodiscard]] RoarSummary run_roar(const RoarJob& job, const explain::RunContext& context);

/// Means and intervals of runs that hold every method with every level and seed.
[[nodiscard]] std::vector<RoarRow> roar_rows(const std::vector<RoarRun>& runs,
                                             const std::vector<double>& levels,
                                             const std::vector<std::uint64_t>& seeds);

}  // namespace cutaway::training
