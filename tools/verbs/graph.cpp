#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "explain/graph/evaluation/evaluate_graph.h"
#include "explain/graph/run/learn_graph.h"
#include "explain/graph/run/scene.h"
#include "explain/graph/show/judging_sheets.h"
#include "explain/graph/show/show_graph.h"
#include "explain/runs/run_folder.h"
#include "runtime/error.h"
#include "tools/measuring/graph_bench.h"
#include "tools/verbs/verbs.h"

namespace cutaway::tools {

using namespace explain;
namespace {

using Json = nlohmann::ordered_json;

struct LearnOptions {
  GraphLearnJob job;
  std::string preset{"default"}, strength, likeness, place, orientation, sigma;
  std::int64_t parents{0}, candidates{0}, iterations{0}, restarts{0};
  double static_fraction{-1}, range{0}, least_likeness{-1};
  bool flips{false};
};

void print(const Json& result) {
  std::printf("%s\n", result.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

/// What was wrong with the pictures and boxes, and the exit code for that.
Json complaints(const GraphComplaints& f) {
  Json failed = Json::array(), mended = Json::array();
  for (const auto& [name, why] : f.failures) failed.push_back({{"file", name}, {"error", why}});
  for (const auto& [name, what] : f.mended) mended.push_back({{"file", name}, {"box", what}});
  return {{"failed", failed}, {"mended", mended}};
}

int exit_code(const GraphComplaints& f) {
  return f.failures.empty() && f.mended.empty() ? kExitOk : kExitPartial;
}

/// Behind the results in words; nothing where all is well.
void print_complaints(const GraphComplaints& f) {
  if (!f.failures.empty()) std::printf("%zu objects left out\n", f.failures.size());
  if (!f.mended.empty()) std::printf("%zu boxes put right\n", f.mended.size());
}

int learn(LearnOptions& o, const Context& context) {
  explain::graph::Config& c = o.job.config;
  c = explain::graph::preset(o.preset);
  if (o.parents > 0) c.parents = o.parents;
  if (o.candidates > 0) c.candidates = o.candidates;
  if (o.iterations > 0) c.iterations = o.iterations;
  if (o.restarts > 0) c.restarts = o.restarts;
  if (o.static_fraction >= 0) c.static_fraction = o.static_fraction;
  if (o.range > 0) c.range = o.range;
  if (!o.place.empty()) c.place = explain::graph::parse_place(o.place);
  if (!o.likeness.empty()) c.likeness = explain::graph::parse_likeness(o.likeness);
  if (o.least_likeness >= 0) c.least_likeness = o.least_likeness;
  if (!o.orientation.empty()) c.orientation = explain::graph::parse_orientation(o.orientation);
  if (!o.sigma.empty()) c.sigma_per_filter = o.sigma == "filter";
  if (!o.strength.empty()) c.strength = explain::graph::parse_strength(o.strength);
  c.flips = o.flips;
  c.seed = context.common.seed;
  o.job.query.seed = context.common.seed;
  const GraphLearnSummary s = learn_graph(o.job, context.run());
  Json layers = Json::array();
  std::int64_t nodes = 0;
  for (const auto& layer : s.package.graph.layers) {
    nodes += layer.count();
    layers.push_back({{"name", layer.spec.name},
                      {"size", layer.spec.size},
                      {"filters", layer.spec.filters},
                      {"nodes", layer.count()},
                      {"parents", layer.parents}});
  }
  if (context.common.json) {
    print({{"graph", o.job.out},
           {"images", s.images},
           {"negatives", s.package.origin.negatives},
           {"nodes", nodes},
           {"layers", layers},
           {"storage", s.storage},
           {"resumed", s.resumed},
           {"feature_seconds", s.feature_seconds},
           {"learn_seconds", s.learn_seconds},
           {"complaints", complaints(s.complaints)}});
  } else {
    for (const Json& l : layers) {
      std::printf("%-24s %3lldx%-3lld %5lld filters %7lld nodes, %lld parents each\n",
                  l["name"].get<std::string>().c_str(), l["size"].get<long long>(),
                  l["size"].get<long long>(), l["filters"].get<long long>(),
                  l["nodes"].get<long long>(), l["parents"].get<long long>());
    }
    std::printf("%lld objects, %lld nodes; features %.1f s, learning %.1f s\n%s\n",
                static_cast<long long>(s.images), static_cast<long long>(nodes), s.feature_seconds,
                s.learn_seconds, o.job.out.c_str());
    print_complaints(s.complaints);
  }
  return exit_code(s.complaints);
}

void add_query(Command& verb, ObjectQuery& q) {
  verb.add_option("--data", q.data,
                  "folder of pictures, with parts.json or truth.json if there are boxes")
      .required();
  verb.add_option("--boxes", q.boxes, "the list of boxes, where it is not in the folder");
  verb.add_option("--category", q.category, "only objects of this category");
  verb.add_option("--most", q.most, "at most so many objects").check(non_negative());
  verb.add_option("--min-area", q.min_area, "leave out smaller boxes, square pixels")
      .capture_default_str();
  verb.add_option("--jitter", q.jitter,
                  "cut out a window of 1 - this of each box, at a random place in it")
      .check(range(0.0, 0.9));
}

void add_features(Command& verb, FeatureOptions& f, std::int64_t& batch) {
  verb.add_option("--batch", batch, "pictures at a time").check(range(1, 1024));
  verb.add_option("--memory", f.memory_gib,
                  "GiB for features; what is more goes to a file as float16")
      .check(range(0.0, 1e6))
      .capture_default_str();
  verb.add_option("--scratch", f.scratch, "folder of that file");
}

void add_learn(Command& group, Context& context) {
  auto o = std::make_shared<LearnOptions>();
  Command& verb =
      group.add_subcommand("learn", "Learn the explanatory graph of a category of objects");
  verb.footer(
      "example: cutaway graph learn weights/shipped/creatures.h5 --data DIR --category giraffe "
      "--out giraffe.h5");
  verb.add_option("model", o->job.model, "a Cutaway package").required();
  add_query(verb, o->job.query);
  verb.add_option("--out", o->job.out, "the graph to write").required();
  verb.add_flag("--overwrite", o->job.overwrite, "replace an existing graph");
  verb.add_option("--negatives", o->job.negatives,
                  "folder of pictures without the object (default: other categories)");
  verb.add_option("--most-negatives", o->job.most_negatives)
      .check(range(2, 1000000))
      .capture_default_str();
  verb.add_option("--layers", o->job.layers,
                  "from fine to coarse, with commas (default: by the net)")
      .delimiter(',');
  verb.add_option("--nodes", o->job.nodes, "nodes a filter: one number for all layers, or one each")
      .delimiter(',');
  verb.add_option(
          "--preset", o->preset,
          "default; refined, for objects cut to their boxes; authors, the published program "
          "with its faults")
      .capture_default_str();
  verb.add_option("--parents", o->parents, "parents a node (15)");
  verb.add_option("--place", o->place, "a node is at its best candidate, or at their mean (best)");
  verb.add_option("--likeness", o->likeness,
                  "what makes a parent: affinity, or concordance of displacements (affinity)");
  verb.add_option("--least-likeness", o->least_likeness,
                  "with concordance: edges below this are left out (0)");
  verb.add_option("--candidates", o->candidates, "nodes above that may be parents (600)");
  verb.add_option("--iterations", o->iterations, "EM updates a layer (20)");
  verb.add_option("--strength", o->strength, "geometric, penalty, one, released");
  verb.add_option("--static-fraction", o->static_fraction,
                  "share of unmoving nodes that are no parents (0)");
  verb.add_option("--range", o->range,
                  "how far a node is looked for, over half the side of its map (0.3)");
  verb.add_flag("--flips", o->flips, "choose the orientation of every picture");
  verb.add_option("--restarts", o->restarts, "with --flips: starts of the top layer (1)");
  verb.add_option("--orientation", o->orientation,
                  "with --flips: by the sum of the nodes' scores, or of their log (sum)")
      .check(one_of({"sum", "log"}));
  verb.add_option("--sigma", o->sigma,
                  "scale activations by the deviation of their unit, or of their filter (unit)")
      .check(one_of({"unit", "filter"}));
  verb.add_option("--checkpoint", o->job.checkpoint,
                  "file to go on from (default: OUT.checkpoint)");
  verb.add_option("--checkpoint-seconds", o->job.checkpoint_seconds, "between checkpoints")
      .capture_default_str();
  add_features(verb, o->job.features, o->job.batch);
  verb.callback([o, &context] { context.action = [o, &context] { return learn(*o, context); }; });
}

void add_scene(Command& verb, SceneQuery& q) {
  verb.add_option("graph", q.graph, "a graph made by graph learn").required();
  verb.add_option("model", q.model, "the net it explains").required();
  add_query(verb, q.objects);
  add_features(verb, q.features, q.batch);
}

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

int evaluate(SceneQuery& query,
             GraphEvaluationOptions options,
             const std::string& sheets,
             const Context& context) {
  query.objects.seed = context.common.seed;
  options.seed = context.common.seed;
  const Scene scene = open_scene(query, context.run());
  if (!sheets.empty()) {
    SheetOptions judged;
    judged.folder = sheets;
    judged.best = options.best;
    judged.seed = options.seed;
    write_sheets(scene, judged);
  }
  const GraphEvaluation e = evaluate_graph(scene, options);
  if (!context.common.json) {
    std::printf("%s\n%lld pictures; features %.2f s, inference %.1f ms a picture\n",
                to_text(e).c_str(), static_cast<long long>(scene.images()), scene.forward_seconds,
                1000 * scene.infer_seconds / static_cast<double>(scene.images()));
    print_complaints(scene.features.complaints);
    return exit_code(scene.features.complaints);
  }
  Json layers = Json::array();
  for (std::size_t l = 0; l < e.instability.size(); ++l) {
    layers.push_back({{"name", e.instability[l].layer},
                      {"instability", json_of(e.instability[l])},
                      {"follow", json_of(e.follow[l])},
                      {"hits", json_of(e.hits[l])},
                      {"discs", json_of(e.discs[l])}});
  }
  Json shots = Json::array();
  for (const ShotRow& r : e.shots) {
    shots.push_back({{"part", r.part},
                     {"graph", json_of(r.graph)},
                     {"normalized_filters", json_of(r.normalized)},
                     {"plain_filters", json_of(r.plain)},
                     {"mean", json_of(r.mean)}});
  }
  print({{"graph", query.graph},
         {"category", scene.package.origin.category},
         {"images", scene.images()},
         {"landmarks", e.landmarks},
         {"nodes",
          {{"a_layer", options.nodes},
           {"chosen_by", "mean of the largest total scores in these pictures"},
           {"scores", options.best}}},
         {"instability", json_of(e.mean)},
         {"layers", layers},
         {"shots", shots},
         {"complaints", complaints(scene.features.complaints)},
         {"inference_ms", 1000 * scene.infer_seconds / static_cast<double>(scene.images())}});
  return exit_code(scene.features.complaints);
}

void add_evaluate_graph(Command& group, Context& context) {
  auto q = std::make_shared<SceneQuery>();
  auto o = std::make_shared<GraphEvaluationOptions>();
  auto sheets = std::make_shared<std::string>();
  Command& verb = group.add_subcommand("evaluate", "Measure a graph against annotated parts");
  verb.footer(
      "Intervals: 95 %, by leaving pictures out in turn.\n"
      "example: cutaway graph evaluate giraffe.h5 weights/shipped/creatures.h5 --data DIR "
      "--category giraffe");
  add_scene(verb, *q);
  verb.add_option("--best-nodes", o->nodes, "nodes a layer that are judged")
      .check(positive())
      .capture_default_str();
  verb.add_option("--best-images", o->best, "pictures a node is judged by")
      .check(positive())
      .capture_default_str();
  verb.add_option("--shots", o->shots, "pictures in which a part is shown")
      .check(range(1, 100))
      .capture_default_str();
  verb.add_option("--repeats", o->repeats, "choices of them; 0: leave this out")
      .check(range(0, 1000))
      .capture_default_str();
  verb.add_option("--samples", o->samples,
                  "groups of pictures left out in turn for the intervals; 0: no intervals")
      .check(range(0, 100000))
      .capture_default_str();
  verb.add_option("--tolerance", o->tolerance,
                  "a node this near a part's box is on it, over the side")
      .check(range(0.0, 1.0))
      .capture_default_str();
  verb.add_option("--sheets", *sheets,
                  "folder for sheets on which a person judges nodes and raw filters");
  verb.add_flag("--choose-first", o->choose_first,
                "pictures first, landmarks then, as the authors' program");
  verb.callback([q, o, sheets, &context] {
    context.action = [q, o, sheets, &context] { return evaluate(*q, *o, *sheets, context); };
  });
}

void prepare(RunFolder& folder, const SceneQuery& q, const ShowOptions& o) {
  folder.open(existing(false, o.overwrite), {q.graph, q.model, q.objects.data, q.objects.boxes});
}

int infer(SceneQuery& query, const ShowOptions& options, const Context& context) {
  query.objects.seed = context.common.seed;
  RunFolder folder(options.out, "positions.json");
  prepare(folder, query, options);
  const Scene scene = open_scene(query, context.run());
  write_positions(scene, options);
  const double ms = 1000 * scene.infer_seconds / static_cast<double>(scene.images());
  if (context.common.json) {
    print({{"images", scene.images()},
           {"positions", options.out + "/positions.json"},
           {"all_positions", options.out + "/positions.h5"},
           {"features_seconds", scene.forward_seconds},
           {"inference_ms", ms},
           {"complaints", complaints(scene.features.complaints)}});
  } else {
    std::printf("%lld pictures, inference %.1f ms each\n%s/positions.json\n",
                static_cast<long long>(scene.images()), ms, options.out.c_str());
    print_complaints(scene.features.complaints);
  }
  return exit_code(scene.features.complaints);
}

int show(SceneQuery& query, const ShowOptions& options, const Context& context) {
  query.objects.seed = context.common.seed;
  RunFolder folder(options.out, "graph.html");
  prepare(folder, query, options);
  const Scene scene = open_scene(query, context.run());
  show_graph(scene, options, context.run());
  if (context.common.json) {
    print({{"images", scene.images()},
           {"page", options.out + "/graph.html"},
           {"dot", options.out + "/graph.dot"},
           {"complaints", complaints(scene.features.complaints)}});
  } else {
    std::printf("%s/graph.html\n", options.out.c_str());
    print_complaints(scene.features.complaints);
  }
  return exit_code(scene.features.complaints);
}

void add_showing(Command& group, Context& context, bool positions) {
  auto q = std::make_shared<SceneQuery>();
  auto o = std::make_shared<ShowOptions>();
  Command& verb = positions
                      ? group.add_subcommand("infer", "Find the nodes of a graph in pictures")
                      : group.add_subcommand(
                            "show", "Patches, heat maps, part trees, synthesis, a page to browse");
  verb.footer(
      std::string("example: cutaway graph ") + (positions ? "infer" : "show") +
      " giraffe.h5 weights/shipped/creatures.h5 --data DIR --category giraffe --out out/giraffe");
  add_scene(verb, *q);
  verb.add_option("--out", o->out, "folder for the results").required();
  verb.add_option("--top", o->nodes, "best nodes a layer that are shown")
      .check(range(1, 1000))
      .capture_default_str();
  verb.add_option("--pictures", o->pictures, "pictures that are drawn")
      .check(range(1, 1000))
      .capture_default_str();
  if (!positions) {
    verb.add_option("--patches", o->patches, "patches a node")
        .check(range(1, 100))
        .capture_default_str();
    verb.add_option("--patch", o->patch, "side of a patch where the picture has 224 pixels")
        .check(range(8.0, 224.0))
        .capture_default_str();
    verb.add_option("--page-nodes", o->page_nodes, "nodes a layer on the page")
        .check(range(1, 2000))
        .capture_default_str();
    verb.add_option("--page-pictures", o->page_pictures, "pictures on the page")
        .check(range(1, 2000))
        .capture_default_str();
  }
  verb.add_flag("--overwrite", o->overwrite, "write into the folder of a finished run");
  verb.callback([q, o, positions, &context] {
    context.action = [q, o, positions, &context] {
      return positions ? infer(*q, *o, context) : show(*q, *o, context);
    };
  });
}

void add_bench_graph(Command& group, Context& context) {
  auto o = std::make_shared<GraphBenchOptions>();
  Command& verb =
      group.add_subcommand("bench", "Time learning a graph of VGG-16's size on made-up features");
  verb.add_option("--filters", o->filters).check(range(1, 4096)).capture_default_str();
  verb.add_option("--images", o->images).check(range(1, 100000)).capture_default_str();
  verb.add_option("--iterations", o->iterations).check(range(1, 1000)).capture_default_str();
  verb.add_option("--preset", o->preset, "of graph learn").capture_default_str();
  verb.callback([o, &context] {
    context.action = [o, &context] {
      const GraphBenchResult r = bench_graph(*o, context);
      print({{"preset", o->preset},
             {"nodes", r.nodes},
             {"images", o->images},
             {"iterations", o->iterations},
             {"feature_seconds", r.feature_seconds},
             {"learn_seconds", r.learn_seconds},
             {"learn_cpu_seconds", r.learn_cpu_seconds},
             {"pass_seconds", r.pass_seconds},
             {"pass_cpu_seconds", r.pass_cpu_seconds},
             {"inference_ms", r.infer_ms},
             {"inference_single_ms", r.infer_single_ms},
             {"inference_single_cpu_ms", r.infer_single_cpu_ms},
             {"peak_mib", r.peak_mib}});
      return kExitOk;
    };
  });
}

}  // namespace

void add_graph(Command& program, Context& context) {
  Command& group =
      program.add_subcommand("graph", "The explanatory graph: which object parts the filters know");
  group.require_subcommand();
  add_learn(group, context);
  add_showing(group, context, true);
  add_showing(group, context, false);
  add_evaluate_graph(group, context);
  add_bench_graph(group, context);
}

}  // namespace cutaway::tools
