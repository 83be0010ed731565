#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "explain/runs/run_context.h"
#include "explain/statistics/interval.h"
#include "explain/training/data/division.h"
#include "explain/training/data/labelled.h"
#include "explain/training/sweep/sweep_plan.h"

namespace cutaway::training {

/// What `cutaway train --sweep FILE` is to do.
struct SweepJob {
  SweepPlan plan;
  LabelledSet set;
  std::string data, out;  ///< as the user names the data; folder for the results
  DivisionOptions division;
  bool resume{false}, overwrite{false};
};

/// One training of a sweep.
struct SweepRun {
  std::string variant;
  std::uint64_t seed{0};
  double accuracy{0}, loss{0};  ///< of the pictures that were not trained on
  double seconds{0};
  std::int64_t parameters{0};
  std::int64_t dead_filters{0}, filters{0};  ///< of the first convolution (report_filters)
  double high_frequencies{0};          ///< mean share of their energy above 1/4 cycles a pixel
  std::int64_t dead_maps{0}, maps{0};  ///< of all rectifiers: 0 on every picture held back
  double max_box_acc{0};               ///< of the maps' boxes; NaN without boxes
};

/// A measure of one variant: the mean over seeds with its 95 % interval (Student's; unknown with one
/// seed), and how much it is above the first variant's, paired by seed.
struct SweepMeasure {
  std::string name;  ///< "accuracy", ...
  explain::Interval value, above_first;
};
struct SweepRow {
  std::string variant;
  std::vector<SweepMeasure> measures;
};

struct SweepSummary {
  std::vector<SweepRun> runs;  ///< variant by variant
  std::vector<SweepRow> rows;
  std::int64_t unreadable{0};
  std::string report, manifest;
  bool complete_before{
      false};  ///< a finished sweep was resumed: report and manifest alone are known
};

/// Trains every variant once a seed, each in VARIANT/seed-N as run_training() does, and compares
/// them (Zeiler & Fergus 2013, tables 3; Zhou et al. 2016). Writes runs.csv (a line a training),
/// sweep.csv (a line a variant), report.html and manifest.json last. Trainings of
/// one seed divide the pictures in the same way. With job.resume goes on with the training that was stopped. Throws as
/// start_net() and run_training() do; what can be wrong with a net is found before the first
/// training.
[[nodiscard]] SweepSummary run_sweep(const SweepJob& job, const explain::RunContext& context);

/// Means and intervals of runs, variants in the order of their first run.
[[nodiscard]] std::vector<SweepRow> sweep_rows(const std::vector<SweepRun>& runs);

}  // namespace cutaway::training
