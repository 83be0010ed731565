#include "tools/program/box_options.h"
#include "tools/program/command.h"

namespace cutaway::tools {

std::vector<explain::RuleChoice> BoxRuleOptions::choose(std::uint64_t seed) const {
  using explain::Suppression;
  explain::BoxOptions options = rule;
  options.dt.suppression = clean ? Suppression::kClean : Suppression::kAuthors;
  options.graph_cut.mixture.seed = options.grab_cut.seed = seed;
  std::vector<explain::RuleChoice> chosen;
  for (const std::string& text : rules) chosen.push_back(explain::parse_rule(text, options, jpeg));
  return chosen;
}

void add_box_options(Command& verb, BoxRuleOptions& o) {
  verb.add_option("--boxes", o.rules,
                  "rules, with commas: threshold, threshold:SHARE, dt, graphcut, grabcut")
      .delimiter(',')
      .capture_default_str();
  verb.add_option("--threshold", o.rule.threshold, "threshold: share of the map's maximum")
      .check(range(0.0, 0.999))
      .capture_default_str();
  verb.add_flag("--clean", o.clean,
                "dt: compare every pair of boxes (the authors' loop skips some)");
  verb.add_option(
          "--jpeg", o.jpeg,
          "dt, grabcut: heat maps go through a JPEG of this quality, as the authors'; 0: no")
      .check(range(0, 100));
  verb.add_option("--high", o.rule.graph_cut.high,
                  "graphcut: quantile above which pixels model the foreground")
      .capture_default_str();
  verb.add_option("--low", o.rule.graph_cut.low,
                  "graphcut: quantile below which they model the background")
      .capture_default_str();
  verb.add_option("--components", o.rule.graph_cut.mixture.components,
                  "graphcut: Gaussians a colour model")
      .capture_default_str();
  verb.add_option("--gamma", o.rule.graph_cut.gamma, "graphcut: weight of the boundary")
      .capture_default_str();
  verb.add_option("--iterate", o.rule.graph_cut.iterate,
                  "graphcut: cuts, with colour models refitted between")
      .capture_default_str();
  verb.add_flag("--hard-seeds", o.rule.graph_cut.hard_seeds,
                "graphcut: pixels of the models keep their labels");
}

}  // namespace cutaway::tools
