#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "explain/localization/box_rule.h"
#include "explain/localization/run/scoreboard.h"
#include "explain/pictures/resample.h"
#include "explain/pictures/source.h"
#include "explain/report/named_values.h"
#include "explain/runs/crops.h"
#include "explain/runs/explainers.h"

namespace cutaway::explain {

/// A rule for boxes under the name it was asked for by.
struct RuleChoice {
  std::string name;  ///< "threshold:0.15"
  BoxRule rule;
  BoxOptions options;
  std::int64_t jpeg{0};  ///< quality of the JPEG that heat maps go through; 0: none
};
/// "threshold", "threshold:0.15", "dt" ...: a rule with these options, its heat maps through a JPEG
/// of that quality (0: none). Throws kUsage.
[[nodiscard]] RuleChoice parse_rule(const std::string& text,
                                    const BoxOptions& options,
                                    std::int64_t jpeg);
/// What a rule reads, for manifests.
[[nodiscard]] NamedValues rule_fields(const RuleChoice& rule);

/// What `cutaway localize` is to do.
struct LocalizeJob {
  std::string model_path, out;
  std::string truth;  ///< a file, see explain/localization/run/truth.h; may be empty
  std::vector<std::string> inputs;
  SourceOptions source;
  std::vector<MethodChoice> methods;  ///< methods and groups (explain/runs/choose_methods.h)
  std::string layer;
  std::vector<RuleChoice> rules;
  std::optional<TenCrops> crops;
  Resample resample{Resample::kBilinear};  ///< of a map to the working picture
  std::int64_t top{5};                     ///< classes a picture
  std::int64_t batch{4};
  /// Boxes are looked for on pictures of at most this side, pixels; 0: of any size.
  std::int64_t work_side{512};
  std::int64_t pictures{50};   ///< drawn, and in the report
  std::int64_t samples{1000};  ///< groups of pictures left out in turn for the intervals; 0: none
  double tau_step{0.001};      ///< of MaxBoxAcc's thresholds
  bool curves{true};           ///< MaxBoxAcc
  std::int64_t jpeg{0};        ///< quality; 0: grey levels go straight to the rules
  bool overwrite{false}, resume{false};
};

/// What came of it.
struct LocalizeSummary {
  std::int64_t images{0}, failed{0};
  std::int64_t resumed{0};                     ///< of both, found in the folder
  std::int64_t labelled{0}, top1{0}, topk{0};  ///< pictures of known class, and those right
  std::vector<std::pair<std::string, std::string>> failures;  ///< file, why: the first thousand
  std::vector<std::string> refusals;  ///< methods that the net cannot serve, with why
  LocalizationTable table;            ///< of the pictures with a known box
  std::string layer, layer_why, report, manifest;
  double explain_seconds{0}, box_seconds{0};
};

}  // namespace cutaway::explain
