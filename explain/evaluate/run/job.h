#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "explain/evaluate/fill.h"
#include "explain/evaluate/sanity.h"
#include "explain/evaluate/uncertainty.h"
#include "explain/pictures/source.h"
#include "explain/runs/explainers.h"

namespace cutaway::explain {

/// How good an explanation is by one measure of one picture.
enum class Metric : std::uint8_t {
  kDeletion,     ///< area under RISE's deletion curve
  kInsertion,    ///< and under its insertion curve
  kAverageDrop,  ///< percent of the probability lost on the picture times its map
  kIncrease,     ///< whether the probability grew there
  kSelectivity,  ///< area under the logit while 4 x 4 patches go, order fixed, over the intact logit
  kInfidelity,   ///< by noisy baselines, rescaled, over the squared logit
  kMaxSensitivity,  ///< of the map
  kPointing,        ///< whether the maximum lies at the object (needs boxes)
  kEnergy           ///< share of the map inside it (needs boxes)
};
struct MetricInfo {
  Metric metric;
  const char* name;  ///< "deletion", "insertion", ...
  bool higher_is_better;
};
[[nodiscard]] const std::vector<MetricInfo>& all_metrics();
/// Throws kUsage with the nearest names.
[[nodiscard]] const MetricInfo& find_metric(const std::string& name);

/// What `cutaway evaluate MODEL DATA` is to do.
struct EvaluateJob {
  std::string model_path, out, layer;
  std::vector<std::string> inputs;
  SourceOptions source;
  std::vector<MethodChoice> methods;  ///< methods and groups (explain/runs/choose_methods.h)
  std::vector<std::string> metrics{"deletion", "insertion", "average_drop", "increase"};
  std::string truth;         ///< boxes (explain/localization/run/truth.h); may be empty
  bool label_target{false};  ///< explain the label instead of the first class
  std::int64_t most{0};      ///< pictures; 0: all
  std::int64_t step{0};      ///< pixels a step of the curves; 0: eight rows, RISE's step for sets
  FillKind deletion_fill{FillKind::kZero}, insertion_fill{FillKind::kBlur};
  std::int64_t infidelity_samples{100}, sensitivity_samples{10};
  double radius{0.02};           ///< of max-sensitivity, in shares of black to white
  std::int64_t sanity{0};        ///< pictures of the sanity check; 0: none
  std::int64_t sanity_steps{8};  ///< the layers are changed in so many groups
  bool independent{false};       ///< one group at a time instead of cascading
  Reinitialization kind{Reinitialization::kTruncatedNormal};
  std::int64_t continuity{0};          ///< pictures of the continuity study; 0: none
  std::int64_t continuity_shift{20};   ///< pixels that a picture is moved to either side
  std::int64_t continuity_jitters{8};  ///< noisy copies of a picture
  std::int64_t disputed{4};            ///< pictures in the report
  bool resume{false}, overwrite{false};
};

/// One picture's measures.
struct PictureResult {
  std::string name, error;  ///< error: why there are none; empty: fine
  std::int64_t target{0};
  double probability{0};                                 ///< of the class, intact
  std::vector<std::vector<double>> values;               ///< [method][metric asked for]; NaN: none
  std::vector<std::vector<double>> deletion, insertion;  ///< [method]: curves, where asked for
};

/// Mean similarity to the intact model's maps after each group of layers.
struct SanityCurve {
  std::vector<std::string> layers;  ///< the last one changed in each step
  std::vector<Interval> spearman_absolute, spearman, ssim, hog;
};

struct EvaluateSummary {
  std::int64_t images{0}, failed{0}, resumed{0};
  std::vector<std::string> methods, metrics;     ///< rows, columns
  std::vector<std::vector<Interval>> intervals;  ///< [method][metric]
  std::vector<std::vector<double>> ranks;        ///< [metric][method]
  std::vector<SanityCurve> sanity;               ///< of the methods, then of the baselines
  std::vector<std::string> refusals;             ///< methods that the net cannot serve, with why
  std::string report, manifest;
};

}  // namespace cutaway::explain
