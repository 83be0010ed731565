#include <cmath>
#include <cstdio>

#include "explain/graph/evaluation/evaluate_graph.h"

namespace cutaway::explain {
namespace {

std::string cell(const Interval& v) {
  char text[64];
  std::snprintf(text, sizeof text, "%.3f [%.3f, %.3f]", v.value, v.low, v.high);
  return text;
}

std::string number(double v) {
  if (std::isnan(v)) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", v);
  return text;
}

void add(std::string& text, const std::vector<std::string>& cells) {
  for (std::size_t k = 0; k < cells.size(); ++k) {
    char padded[96];
    std::snprintf(padded, sizeof padded, k == 0 ? "%-24s" : "%22s", cells[k].c_str());
    text += padded;
  }
  text += '\n';
}

}  // namespace

std::string to_text(const GraphEvaluation& e) {
  std::string text = "location instability (lower is better)\n";
  add(text, {"layer", "graph", "filters", "random", "held still", "graph / filters"});
  for (const InstabilityRow& r : e.instability) {
    add(text,
        {r.layer, cell(r.graph), cell(r.filters), cell(r.random), cell(r.still), cell(r.ratio)});
  }
  add(text, {"mean", cell(e.graph), cell(e.filters), cell(e.random), cell(e.still), cell(e.ratio)});
  text += "\ncorrelation of displacements with the nearest part's (held still, random: 0)\n";
  add(text, {"layer", "graph", "filters"});
  for (const FilterRow& r : e.follow) add(text, {r.layer, cell(r.graph), cell(r.filters)});
  text += "\nbest nodes on annotated parts; edges between nodes that are on a part\n";
  add(text, {"layer", "hit rate", "filters", "random", "same part (chance)", "together (chance)",
             "edges", "best: same, together", "best: edges", "top: together (edges)"});
  for (const HitRow& r : e.hits) {
    add(text,
        {r.layer, cell(r.hit), number(r.filters), number(r.random),
         number(r.same_part) + " (" + number(r.same_by_chance) + ")",
         number(r.together) + " (" + number(r.by_chance) + ")", std::to_string(r.edges),
         number(r.best_same_part) + ", " + number(r.best_together), std::to_string(r.best_edges),
         number(r.top_together) + " (" + std::to_string(r.top_edges) + ")"});
  }
  text += "\nshare of the pictures in which a disc around a node is on its part\n";
  add(text, {"layer", "graph", "filters"});
  for (const FilterRow& r : e.discs) add(text, {r.layer, cell(r.graph), cell(r.filters)});
  if (e.shots.empty()) return text;
  text +=
      "\nparts from few examples: distance over the diagonal, and share of centres inside the "
      "box\n";
  add(text,
      {"part", "graph", "filters", "mean place", "graph in box", "filters in box", "mean in box"});
  for (const ShotRow& r : e.shots) {
    add(text, {r.part, cell(r.graph), cell(r.filters), cell(r.mean), number(r.graph_hit),
               number(r.filter_hit), number(r.mean_hit)});
  }
  text +=
      "\nthe same in the half of the pictures in which the part is farthest from its mean place\n";
  add(text, {"part", "graph", "filters", "mean place"});
  for (const ShotRow& r : e.shots)
    add(text, {r.part, cell(r.graph_far), cell(r.filters_far), cell(r.mean_far)});
  return text;
}

}  // namespace cutaway::explain
