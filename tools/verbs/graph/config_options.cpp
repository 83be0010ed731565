#include "tools/verbs/graph/config_options.h"
#include "tools/program/command.h"

namespace cutaway::tools {

explain::graph::Config GraphConfigOptions::config(std::uint64_t seed) const {
  using namespace explain::graph;
  Config c = explain::graph::preset(preset);
  if (parents > 0) c.parents = parents;
  if (candidates > 0) c.candidates = candidates;
  if (iterations > 0) c.iterations = iterations;
  if (restarts > 0) c.restarts = restarts;
  if (static_fraction >= 0) c.static_fraction = static_fraction;
  if (range > 0) c.range = range;
  if (!place.empty()) c.place = parse_place(place);
  if (!likeness.empty()) c.likeness = parse_likeness(likeness);
  if (least_likeness >= 0) c.least_likeness = least_likeness;
  if (!orientation.empty()) c.orientation = parse_orientation(orientation);
  if (!sigma.empty()) c.sigma_per_filter = sigma == "filter";
  if (!strength.empty()) c.strength = parse_strength(strength);
  c.flips = flips;
  c.seed = seed;
  return c;
}

void add_config_options(Command& verb, GraphConfigOptions& o) {
  verb.add_option(
          "--preset", o.preset,
          "default; refined, for objects cut to their boxes; authors, the published program "
          "with its faults")
      .capture_default_str();
  verb.add_option("--parents", o.parents, "parents a node (15)");
  verb.add_option("--place", o.place, "a node is at its best candidate, or at their mean (best)");
  verb.add_option("--likeness", o.likeness,
                  "what makes a parent: affinity, or concordance of displacements (affinity)");
  verb.add_option("--least-likeness", o.least_likeness,
                  "with concordance: edges below this are left out (0)");
  verb.add_option("--candidates", o.candidates, "nodes above that may be parents (600)");
  verb.add_option("--iterations", o.iterations, "EM updates a layer (20)");
  verb.add_option("--strength", o.strength, "geometric, penalty, one, released");
  verb.add_option("--static-fraction", o.static_fraction,
                  "share of unmoving nodes that are no parents (0)");
  verb.add_option("--range", o.range,
                  "how far a node is looked for, over half the side of its map (0.3)");
  verb.add_flag("--flips", o.flips, "choose the orientation of every picture");
  verb.add_option("--restarts", o.restarts, "with --flips: starts of the top layer (1)");
  verb.add_option("--orientation", o.orientation,
                  "with --flips: by the sum of the nodes' scores, or of their log (sum)")
      .check(one_of({"sum", "log"}));
  verb.add_option("--sigma", o.sigma,
                  "scale activations by the deviation of their unit, or of their filter (unit)")
      .check(one_of({"unit", "filter"}));
}

}  // namespace cutaway::tools
