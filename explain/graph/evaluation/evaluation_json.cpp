#include <nlohmann/json.hpp>

#include "explain/graph/evaluation/evaluate_run.h"
#include "explain/graph/run/complaints_json.h"

namespace cutaway::explain {
namespace {

using Json = nlohmann::ordered_json;

/// Value, low, high; the value alone where no interval is known.
Json json_of(const Interval& v) {
  return v.known() ? Json{v.value, v.low, v.high} : Json::array({v.value});
}

Json json_of(const InstabilityRow& r) {
  return {{"graph", json_of(r.graph)},           {"normalized_filters", json_of(r.normalized)},
          {"plain_filters", json_of(r.plain)},   {"random", json_of(r.random)},
          {"still", json_of(r.still)},           {"over_normalized", json_of(r.over_normalized)},
          {"over_plain", json_of(r.over_plain)}, {"ratio", json_of(r.stricter())}};
}

Json json_of(const FilterRow& r) {
  return {{"graph", json_of(r.graph)},
          {"normalized_filters", json_of(r.normalized)},
          {"plain_filters", json_of(r.plain)}};
}

Json json_of(const HitRow& h) {
  return {{"graph", json_of(h.hit)},
          {"normalized_filters", json_of(h.normalized)},
          {"plain_filters", json_of(h.plain)},
          {"random", json_of(h.random)},
          {"edges", h.edges},
          {"edges_same_part", h.same_part},
          {"same_part_by_chance", h.same_by_chance},
          {"edges_together", h.together},
          {"together_by_chance", h.by_chance},
          {"best_edges", h.best_edges},
          {"best_edges_same_part", h.best_same_part},
          {"best_edges_together", h.best_together},
          {"top_edges", h.top_edges},
          {"top_edges_together", h.top_together}};
}

Json json_of(const ShotRow::Of& o) {
  return {{"distance", json_of(o.distance)}, {"far", json_of(o.far)}, {"in_box", o.hit}};
}

Json layers_json(const GraphEvaluation& e) {
  Json layers = Json::array();
  for (std::size_t l = 0; l < e.instability.size(); ++l) {
    layers.push_back({{"name", e.instability[l].layer},
                      {"instability", json_of(e.instability[l])},
                      {"follow", json_of(e.follow[l])},
                      {"hits", json_of(e.hits[l])},
                      {"discs", json_of(e.discs[l])}});
  }
  return layers;
}

Json shots_json(const GraphEvaluation& e) {
  Json shots = Json::array();
  for (const ShotRow& r : e.shots) {
    shots.push_back({{"part", r.part},
                     {"graph", json_of(r.graph)},
                     {"normalized_filters", json_of(r.normalized)},
                     {"plain_filters", json_of(r.plain)},
                     {"mean", json_of(r.mean)}});
  }
  return shots;
}

}  // namespace

std::string results_json(const GraphEvaluateJob& job, const GraphEvaluateSummary& s) {
  const Json all{{"graph", job.scene.graph},
                 {"category", s.category},
                 {"images", s.images},
                 {"landmarks", s.evaluation.landmarks},
                 {"nodes",
                  {{"a_layer", job.options.nodes},
                   {"chosen_by", "mean of the largest total scores in these pictures"},
                   {"scores", job.options.best}}},
                 {"instability", json_of(s.evaluation.mean)},
                 {"layers", layers_json(s.evaluation)},
                 {"shots", shots_json(s.evaluation)},
                 {"complaints", complaints_json(s.complaints)},
                 {"inference_ms", s.infer_ms}};
  return all.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace cutaway::explain
