#include "tools/verbs/transfer.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "explain/runs/load_network.h"
#include "explain/training/run/prepare.h"
#include "explain/training/transfer/transfer_run.h"
#include "tools/program/command.h"
#include "tools/training/train_options.h"

namespace cutaway::tools {
namespace {

struct Options {
  training::TransferJob job;
  std::vector<std::string> classes;
};

void print(const std::vector<training::TransferResult>& results, const Context& context) {
  if (context.common.json) {
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const training::TransferResult& r : results) {
      rows.push_back({{"layer", r.layer},
                      {"classifier", r.classifier},
                      {"per_class", r.per_class},
                      {"accuracy", 100.0 * r.mean},
                      {"deviation", 100.0 * r.deviation},
                      {"folds", r.folds}});
    }
    std::printf("%s\n", rows.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
    return;
  }
  std::printf("%-28s %-8s %9s %12s\n", "layer", "", "per class", "accuracy, %");
  for (const training::TransferResult& r : results) {
    std::printf("%-28s %-8s %9lld %6.2f (%.2f)\n", r.layer.c_str(), r.classifier.c_str(),
                static_cast<long long>(r.per_class), 100.0 * r.mean, 100.0 * r.deviation);
  }
}

int transfer(const Options& o, const Context& context) {
  const weights::Package package = explain::load_network(o.job.model);
  training::LabelledSet set =
      open_labelled(o.job.data, package.model.graph.node(0).shape.h, o.classes, context);
  const training::Survey found =
      training::survey(set, context.common.cpu_threads(), context.observer());
  const auto left = leave_out_unreadable(set, found, context.run());
  print(run_transfer(o.job, package, set, context.run()), context);
  return left.empty() ? kExitOk : kExitPartial;
}

}  // namespace

void add_transfer(Command& program, Context& context) {
  auto o = std::make_shared<Options>();
  training::TransferJob& job = o->job;
  Command& verb = program.add_subcommand(
      "transfer",
      "How far a net's features carry over to other classes: SVM and softmax on layers");
  verb.footer("example: cutaway transfer resnet18.h5 --data caltech101/ --per-class 15,30 --out t");
  verb.add_option("model", job.model, "a Cutaway package").required();
  verb.add_option("--data", job.data, "labelled pictures as cutaway train takes them").required();
  verb.add_option("--out", job.out, "folder for tables, features and report").required();
  verb.add_option("--layers", job.layers, "with commas; else four over the depth and the last")
      .delimiter(',');
  verb.add_option("--per-class", job.per_class, "training pictures a class, with commas")
      .delimiter(',')
      .check(positive())
      .capture_default_str();
  verb.add_option("--folds", job.folds, "draws of the training pictures")
      .check(range(1, 100))
      .capture_default_str();
  verb.add_option("--most-test", job.most_test, "test pictures a class, without a test split")
      .check(positive())
      .capture_default_str();
  verb.add_option("--cost", job.cost, "of the SVM's errors")
      .check(positive())
      .capture_default_str();
  verb.add_flag("--overwrite", job.overwrite, "write into the folder of a finished run");
  verb.add_option("--classes", o->classes, "only these").delimiter(',');
  verb.add_option("--batch", job.batch, "pictures at a time").check(range(1, 4096));
  verb.callback(
      [o, &context] { context.action = [o, &context] { return transfer(*o, context); }; });
}

}  // namespace cutaway::tools
