#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "explain/compare/run/compare_run.h"
#include "explain/runs/load_network.h"
#include "tools/program/command.h"
#include "tools/program/output.h"
#include "tools/verbs/verbs.h"

namespace cutaway::tools {

using namespace explain;
namespace {

struct Options {
  std::vector<std::string> representations{"gap"}, distances{"cosine", "euclidean"};
  bool no_tsne{false};
  CompareJob job;
};

void print(const CompareSummary& s, const Context& context) {
  if (s.complete_before) return print_complete(s.report, s.manifest, context);
  if (context.common.json) {
    using Json = nlohmann::ordered_json;
    Json rows = Json::array();
    for (const CompareRow& r : s.rows) {
      rows.push_back({{"layer", r.layer},
                      {"representation", r.representation},
                      {"distance", r.distance},
                      {"ratio", r.pairs.ratio},
                      {"auc", r.pairs.auc},
                      {"accuracy", r.pairs.accuracy},
                      {"silhouette", r.silhouette},
                      {"recall", r.retrieval.recall},
                      {"map", r.retrieval.mean_average_precision},
                      {"pixels", r.pixels.spearman}});
    }
    const Json result{{"images", s.images}, {"failed", s.failed}, {"classes", s.classes},
                      {"rows", rows},       {"report", s.report}, {"manifest", s.manifest}};
    std::printf("%s\n", result.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    return;
  }
  std::printf("%lld images, %lld classes\n", static_cast<long long>(s.images),
              static_cast<long long>(s.classes));
  if (s.failed > 0) std::printf("%lld images failed\n", static_cast<long long>(s.failed));
  std::printf("%-28s %-9s %-18s %6s %6s %8s %10s %8s %6s %6s\n", "layer", "vectors", "distance",
              "ratio", "AUC", "accuracy", "silhouette", "recall@1", "mAP", "pixels");
  for (const CompareRow& r : s.rows) {
    std::printf("%-28s %-9s %-18s %6.3f %6.3f %8.3f %10.3f %8.3f %6.3f %6.3f\n", r.layer.c_str(),
                r.representation.c_str(), r.distance.c_str(), r.pairs.ratio, r.pairs.auc,
                r.pairs.accuracy, r.silhouette, r.retrieval.recall.at(0),
                r.retrieval.mean_average_precision, r.pixels.spearman);
  }
  std::printf("%s\n", s.report.c_str());
}

int compare(Options& o, const Context& context) {
  o.job.representations.clear();
  o.job.distances.clear();
  for (const std::string& name : o.representations) {
    o.job.representations.push_back(find_representation(name));
  }
  for (const std::string& name : o.distances) o.job.distances.push_back(find_distance(name));
  o.job.tsne = !o.no_tsne;
  const CompareSummary s = run_compare(o.job, load_network(o.job.model_path), context.run());
  print(s, context);
  return s.failed == 0 ? kExitOk : kExitPartial;
}

}  // namespace

void add_compare(Command& program, Context& context) {
  auto o = std::make_shared<Options>();
  Command& verb = program.add_subcommand(
      "compare", "Pictures in feature space: distances, neighbours, which layer knows the class");
  verb.footer(
      "A picture's class is its label in a list, or the folder it stands in. Two pictures: what "
      "the "
      "net sees in both.\n"
      "example: cutaway compare googlenet.h5 animals/ --representation gap,cam_soft --out out");
  verb.add_option("model", o->job.model_path, "a Cutaway package").required();
  verb.add_option("inputs", o->job.inputs,
                  "pictures, folders, lists (.csv, .txt), .tar, .tar.gz, HDF5")
      .required();
  verb.add_option("--out", o->job.out, "folder for the results").required();
  verb.add_option("--layers", o->job.layers,
                  "layers, with commas (default: up to eight that everything passes through)")
      .delimiter(',');
  verb.add_option("--representation", o->representations,
                  "with commas: flat, gap, gmp, gram, cam_soft, cam_hard")
      .delimiter(',')
      .capture_default_str();
  verb.add_option("--distance", o->distances,
                  "with commas: euclidean, squared_euclidean, unit_euclidean, cosine; of maps: "
                  "mmd, mmd_unbiased, cka, aligned")
      .delimiter(',')
      .capture_default_str();
  verb.add_option("--most", o->job.most, "pictures; 0: all").check(range(0, 100000));
  verb.add_option("--batch", o->job.batch, "pictures at a time")
      .check(range(1, 1024))
      .capture_default_str();
  verb.add_option("--queries", o->job.queries, "rows of the sheets of neighbours")
      .check(range(0, 1000))
      .capture_default_str();
  verb.add_option("--neighbors", o->job.neighbors, "neighbours of a picture")
      .check(range(1, 100))
      .capture_default_str();
  verb.add_flag("--no-tsne", o->no_tsne, "leave the t-SNE map out");
  verb.add_option("--other", o->job.other,
                  "another network's package: its layers against this one's, over the same "
                  "pictures");
  verb.add_option("--dump", o->job.dump, "HDF5 file for vectors, labels and names");
  verb.add_flag("--resume", o->job.resume, "go on where the same run was stopped");
  verb.add_flag("--overwrite", o->job.overwrite, "write into the folder of a finished run");
  verb.callback([o, &context] { context.action = [o, &context] { return compare(*o, context); }; });
}

}  // namespace cutaway::tools
