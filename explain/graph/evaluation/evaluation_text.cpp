#include <cmath>
#include <cstdio>

#include "explain/graph/evaluation/evaluate_graph.h"

namespace cutaway::explain {
namespace {

std::string number(double v) {
  if (std::isnan(v)) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", v);
  return text;
}

std::string cell(const Interval& v) {
  if (!v.known()) return number(v.value);
  char text[64];
  std::snprintf(text, sizeof text, "%.3f [%.3f, %.3f]", v.value, v.low, v.high);
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
  std::string text =
      "Nodes: the best by their mean score in these pictures. Filters by themselves: the "
      "strongest\n"
      "cell of the normalised activations that the graph sees, and of the plain maps.\n\n"
      "location instability (lower is better)\n";
  add(text, {"layer", "graph", "normalised filters", "plain filters", "random", "held still",
             "graph / normalised", "graph / plain"});
  std::vector<InstabilityRow> rows = e.instability;
  rows.push_back(e.mean);
  for (const InstabilityRow& r : rows) {
    add(text, {r.layer, cell(r.graph), cell(r.normalized), cell(r.plain), cell(r.random),
               cell(r.still), cell(r.over_normalized), cell(r.over_plain)});
  }
  text += "\ncorrelation of displacements with the nearest part's (held still, random: 0)\n";
  add(text, {"layer", "graph", "normalised filters", "plain filters"});
  for (const FilterRow& r : e.follow)
    add(text, {r.layer, cell(r.graph), cell(r.normalized), cell(r.plain)});
  text += "\nbest nodes on annotated parts; edges between nodes that are on a part\n";
  add(text, {"layer", "hit rate", "normalised filters", "plain filters", "random",
             "same part (chance)", "together (chance)", "edges", "best: same, together",
             "best: edges", "top: together (edges)"});
  for (const HitRow& r : e.hits) {
    add(text,
        {r.layer, cell(r.hit), cell(r.normalized), cell(r.plain), cell(r.random),
         number(r.same_part) + " (" + number(r.same_by_chance) + ")",
         number(r.together) + " (" + number(r.by_chance) + ")", std::to_string(r.edges),
         number(r.best_same_part) + ", " + number(r.best_together), std::to_string(r.best_edges),
         number(r.top_together) + " (" + std::to_string(r.top_edges) + ")"});
  }
  text += "\nshare of the pictures in which a disc around a node is on its part\n";
  add(text, {"layer", "graph", "normalised filters", "plain filters"});
  for (const FilterRow& r : e.discs)
    add(text, {r.layer, cell(r.graph), cell(r.normalized), cell(r.plain)});
  if (e.shots.empty()) return text;
  text += "\nparts from few examples: distance over the diagonal\n";
  const std::vector<std::string> head{"part", "graph", "normalised filters", "plain filters",
                                      "mean place"};
  add(text, head);
  for (const ShotRow& r : e.shots) {
    add(text, {r.part, cell(r.graph.distance), cell(r.normalized.distance), cell(r.plain.distance),
               cell(r.mean.distance)});
  }
  text += "\nshare of centres inside the box\n";
  add(text, head);
  for (const ShotRow& r : e.shots) {
    add(text, {r.part, number(r.graph.hit), number(r.normalized.hit), number(r.plain.hit),
               number(r.mean.hit)});
  }
  text +=
      "\ndistance in the half of the pictures in which the part is farthest from its mean place\n";
  add(text, head);
  for (const ShotRow& r : e.shots) {
    add(text,
        {r.part, cell(r.graph.far), cell(r.normalized.far), cell(r.plain.far), cell(r.mean.far)});
  }
  return text;
}

}  // namespace cutaway::explain
