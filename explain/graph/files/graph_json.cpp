#include "explain/graph/files/graph_json.h"

namespace cutaway::explain {

using graph::Config;
using graph::LayerSpec;
using Json = nlohmann::ordered_json;

Json to_json(const Config& c) {
  const auto& r = c.released;
  return {{"parents", c.parents},
          {"candidates", c.candidates},
          {"iterations", c.iterations},
          {"noise", c.noise},
          {"range", c.range},
          {"reach", c.reach},
          {"initial", c.initial},
          {"smoothing", c.smoothing},
          {"step", c.step},
          {"static_fraction", c.static_fraction},
          {"place", to_string(c.place)},
          {"likeness", to_string(c.likeness)},
          {"least_likeness", c.least_likeness},
          {"edge_margin", c.edge_margin},
          {"jitter", c.jitter},
          {"strength", to_string(c.strength)},
          {"flips", c.flips},
          {"orientation", to_string(c.orientation)},
          {"restarts", c.restarts},
          {"sigma_per_filter", c.sigma_per_filter},
          {"seed", c.seed},
          {"released",
           {r.first_filter_sigma, r.unscaled_parents, r.rounded_kernel, r.border_of_child,
            r.affine_displacement, r.initial_step, r.no_final_pass, r.first_candidate}}};
}

Config config_from_json(const Json& j) {
  Config c;
  c.parents = j.at("parents").get<std::int64_t>();
  c.candidates = j.at("candidates").get<std::int64_t>();
  c.iterations = j.at("iterations").get<std::int64_t>();
  c.noise = j.at("noise").get<double>();
  c.range = j.at("range").get<double>();
  c.reach = j.at("reach").get<double>();
  c.initial = j.at("initial").get<double>();
  c.smoothing = j.at("smoothing").get<double>();
  c.step = j.at("step").get<double>();
  c.static_fraction = j.at("static_fraction").get<double>();
  // Graphs of earlier versions have none of these.
  c.place = graph::parse_place(j.value("place", "best"));
  c.likeness = graph::parse_likeness(j.value("likeness", "affinity"));
  c.least_likeness = j.value("least_likeness", 0.0);
  c.orientation = graph::parse_orientation(j.value("orientation", "sum"));
  c.sigma_per_filter = j.value("sigma_per_filter", false);
  c.edge_margin = j.at("edge_margin").get<double>();
  c.jitter = j.at("jitter").get<double>();
  c.strength = graph::parse_strength(j.at("strength").get<std::string>());
  c.flips = j.at("flips").get<bool>();
  c.restarts = j.at("restarts").get<std::int64_t>();
  c.seed = j.at("seed").get<std::uint64_t>();
  const auto flag = [&](std::size_t i) { return j.at("released").at(i).get<bool>(); };
  c.released = {flag(0), flag(1), flag(2), flag(3), flag(4), flag(5), flag(6), flag(7)};
  return c;
}

Json to_json(const LayerSpec& s) {
  return {{"name", s.name},       {"filters", s.filters}, {"size", s.size},    {"nodes", s.nodes},
          {"density", s.density}, {"stride", s.stride},   {"offset", s.offset}};
}

LayerSpec spec_from_json(const Json& j) {
  LayerSpec s;
  s.name = j.at("name").get<std::string>();
  s.filters = j.at("filters").get<std::int64_t>();
  s.size = j.at("size").get<std::int64_t>();
  s.nodes = j.at("nodes").get<std::int64_t>();
  s.density = j.at("density").get<double>();
  s.stride = j.at("stride").get<double>();
  s.offset = j.at("offset").get<double>();
  return s;
}

}  // namespace cutaway::explain
