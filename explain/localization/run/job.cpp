#include "explain/localization/run/job.h"

namespace cutaway::explain {

NamedValues rule_fields(const RuleChoice& r) {
  const BoxOptions& o = r.options;
  switch (r.rule) {
    case BoxRule::kThreshold:
      return {{"threshold", static_cast<double>(o.threshold)}};
    case BoxRule::kDt:
      return {{"grey_levels",
               std::vector<std::int64_t>(o.dt.thresholds.begin(), o.dt.thresholds.end())},
              {"suppress",
               std::string(o.dt.suppression == Suppression::kAuthors ? "authors" : "clean")},
              {"jpeg_quality", r.jpeg}};
    case BoxRule::kGraphCut:
      return {{"high_quantile", o.graph_cut.high},
              {"low_quantile", o.graph_cut.low},
              {"components", std::int64_t{o.graph_cut.mixture.components}},
              {"rounds", std::int64_t{o.graph_cut.mixture.rounds}},
              {"covariance_floor", o.graph_cut.mixture.floor},
              {"gamma", o.graph_cut.gamma},
              {"hard_seeds", o.graph_cut.hard_seeds},
              {"iterate", std::int64_t{o.graph_cut.iterate}}};
    case BoxRule::kGrabCut:
      return {{"background", std::int64_t{o.grab_cut.background}},
              {"foreground", std::int64_t{o.grab_cut.foreground}},
              {"iterations", std::int64_t{o.grab_cut.iterations}},
              {"jpeg_quality", r.jpeg}};
  }
  return {};
}

}  // namespace cutaway::explain
