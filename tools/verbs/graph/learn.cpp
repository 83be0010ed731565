#include <cstdio>
#include <nlohmann/json.hpp>

#include "explain/graph/run/complaints_json.h"
#include "explain/graph/run/learn_graph.h"
#include "tools/program/command.h"
#include "tools/program/output.h"
#include "tools/verbs/graph/complaints.h"
#include "tools/verbs/graph/config_options.h"
#include "tools/verbs/graph/graph.h"
#include "tools/verbs/graph/options.h"

namespace cutaway::tools {

using namespace explain;
namespace {

struct Options {
  GraphLearnJob job;
  GraphConfigOptions config;
};

void print(const std::string& out, const GraphLearnSummary& s, const Context& context) {
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
    print_json({{"graph", out},
                {"images", s.images},
                {"negatives", s.package.origin.negatives},
                {"nodes", nodes},
                {"layers", layers},
                {"storage", s.storage},
                {"resumed", s.resumed},
                {"feature_seconds", s.feature_seconds},
                {"learn_seconds", s.learn_seconds},
                {"complaints", complaints_json(s.complaints)}});
  } else {
    for (const Json& l : layers) {
      std::printf("%-24s %3lldx%-3lld %5lld filters %7lld nodes, %lld parents each\n",
                  l["name"].get<std::string>().c_str(), l["size"].get<long long>(),
                  l["size"].get<long long>(), l["filters"].get<long long>(),
                  l["nodes"].get<long long>(), l["parents"].get<long long>());
    }
    std::printf("%lld objects, %lld nodes; features %.1f s, learning %.1f s\n%s\n",
                static_cast<long long>(s.images), static_cast<long long>(nodes), s.feature_seconds,
                s.learn_seconds, out.c_str());
    print_complaints(s.complaints);
  }
}

int learn(Options& o, const Context& context) {
  o.job.config = o.config.config(context.common.seed);
  o.job.query.seed = context.common.seed;
  const GraphLearnSummary s = learn_graph(o.job, context.run());
  print(o.job.out, s, context);
  return exit_code_of(s.complaints);
}

}  // namespace

void add_graph_learn(Command& group, Context& context) {
  auto o = std::make_shared<Options>();
  Command& verb =
      group.add_subcommand("learn", "Learn the explanatory graph of a category of objects");
  verb.footer(
      "example: cutaway graph learn weights/shipped/creatures.h5 --data DIR --category giraffe "
      "--out giraffe.h5");
  verb.add_option("model", o->job.model, "a Cutaway package").required();
  add_object_options(verb, o->job.query);
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
  add_config_options(verb, o->config);
  verb.add_option("--checkpoint", o->job.checkpoint,
                  "file to go on from (default: OUT.checkpoint)");
  verb.add_option("--checkpoint-seconds", o->job.checkpoint_seconds, "between checkpoints")
      .capture_default_str();
  add_feature_options(verb, o->job.features, o->job.batch);
  verb.callback([o, &context] { context.action = [o, &context] { return learn(*o, context); }; });
}

}  // namespace cutaway::tools
