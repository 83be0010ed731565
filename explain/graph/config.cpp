#include "explain/graph/config.h"

#include "runtime/error.h"

namespace cutaway::explain::graph {
namespace {

constexpr const char* kPlaces[] = {"best", "mean"};
constexpr const char* kLikenesses[] = {"affinity", "concordance"};
constexpr const char* kOrientations[] = {"sum", "log"};
constexpr const char* kStrengths[] = {"geometric", "penalty", "one", "released"};

void require(bool good, const char* name, const char* expected, double got) {
  if (good) return;
  throw Error(ErrorKind::kUsage, std::string("explanatory graph: ") + name)
      .expected(expected)
      .got(std::to_string(got));
}

}  // namespace

std::string to_string(Strength strength) { return kStrengths[static_cast<int>(strength)]; }

Strength parse_strength(std::string_view name) {
  for (int i = 0; i < 4; ++i) {
    if (name == kStrengths[i]) return static_cast<Strength>(i);
  }
  throw Error(ErrorKind::kUsage, "unknown strength '" + std::string(name) + "'")
      .hint("known: geometric, penalty, one, released");
}

Config preset(std::string_view name) {
  Config config;
  if (name == "default") return config;
  if (name == "refined") {
    config.place = Place::kMean;
    config.likeness = Likeness::kConcordance;
    config.parents = 5;
    config.sigma_per_filter = true;
    config.orientation = Orientation::kLog;
    return config;
  }
  if (name != "authors") {
    throw Error(ErrorKind::kUsage, "unknown preset '" + std::string(name) + "'")
        .hint("known: default, refined, authors");
  }
  config.static_fraction = 0.5;
  config.jitter = 0;
  config.strength = Strength::kReleased;
  config.released = {true, true, true, true, true, true, true, true};
  return config;
}

std::string to_string(Place place) { return kPlaces[static_cast<int>(place)]; }

Place parse_place(std::string_view name) {
  for (int i = 0; i < 2; ++i) {
    if (name == kPlaces[i]) return static_cast<Place>(i);
  }
  throw Error(ErrorKind::kUsage, "unknown place '" + std::string(name) + "'")
      .hint("known: best, mean");
}

std::string to_string(Likeness likeness) { return kLikenesses[static_cast<int>(likeness)]; }

Likeness parse_likeness(std::string_view name) {
  for (int i = 0; i < 2; ++i) {
    if (name == kLikenesses[i]) return static_cast<Likeness>(i);
  }
  throw Error(ErrorKind::kUsage, "unknown likeness '" + std::string(name) + "'")
      .hint("known: affinity, concordance");
}

std::string to_string(Orientation orientation) {
  return kOrientations[static_cast<int>(orientation)];
}

Orientation parse_orientation(std::string_view name) {
  for (int i = 0; i < 2; ++i) {
    if (name == kOrientations[i]) return static_cast<Orientation>(i);
  }
  throw Error(ErrorKind::kUsage, "unknown orientation '" + std::string(name) + "'")
      .hint("known: sum, log");
}

void validate(const Config& c) {
  const auto count = [](std::int64_t v) { return static_cast<double>(v); };
  require(c.parents >= 1 && c.parents <= 256, "parents", "1..256", count(c.parents));
  require(c.candidates >= 1 && c.candidates <= 65536, "candidates", "1..65536",
          count(c.candidates));
  require(c.iterations >= 1 && c.iterations <= 10000, "iterations", "1..10000",
          count(c.iterations));
  require(c.restarts >= 1 && c.restarts <= 100, "restarts", "1..100", count(c.restarts));
  require(c.noise > 0 && c.noise <= 100, "noise", "in (0, 100]", c.noise);
  require(c.range > 0 && c.range <= 1, "range", "in (0, 1]", c.range);
  require(c.reach > 0 && c.reach <= 100, "reach", "in (0, 100]", c.reach);
  require(c.initial > 0 && c.initial <= 1, "initial", "in (0, 1]", c.initial);
  require(c.smoothing >= 0.001 && c.smoothing <= 1, "smoothing", "0.001..1", c.smoothing);
  require(c.step > 0 && c.step <= 10, "step", "in (0, 10]", c.step);
  require(c.static_fraction >= 0 && c.static_fraction < 1, "static_fraction", "in [0, 1)",
          c.static_fraction);
  require(c.least_likeness >= 0 && c.least_likeness < 1, "least_likeness", "in [0, 1)",
          c.least_likeness);
  require(c.least_likeness == 0 || c.likeness == Likeness::kConcordance, "least_likeness",
          "0 for affinities, which have no scale", c.least_likeness);
  require(c.edge_margin >= 0 && c.edge_margin < 0.5, "edge_margin", "in [0, 0.5)", c.edge_margin);
  require(c.jitter >= 0 && c.jitter <= 0.5, "jitter", "0..0.5", c.jitter);
}

}  // namespace cutaway::explain::graph
