#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "explain/runs/load_network.h"
#include "tools/training/creature_training.h"
#include "tools/verbs/verbs.h"

namespace cutaway::tools {

using namespace explain;
namespace {

struct Options {
  std::string model;
  std::int64_t count{1000};
};

int evaluate(const Options& o, const Context& context) {
  const weights::Package package = load_network(o.model);
  const CreatureScore score = score_on_creatures(package, context.common.seed,
                                                 CreatureTraining::kHeldOutFirst, o.count, context);
  if (context.common.json) {
    const nlohmann::ordered_json result{{"model", o.model},
                                        {"images", o.count},
                                        {"seed", context.common.seed},
                                        {"accuracy", 100.0 * score.accuracy},
                                        {"localization", 100.0 * score.localization}};
    std::printf("%s\n", result.dump(2).c_str());
  } else {
    std::printf(
        "%lld held-out creatures: %.2f %% classified right; CAM boxes of the true class reach IoU "
        "0.5 "
        "on %.2f %%\n",
        static_cast<long long>(o.count), 100.0 * score.accuracy, 100.0 * score.localization);
  }
  return kExitOk;
}

}  // namespace

void add_evaluate(CLI::App& program, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb =
      program.add_subcommand("evaluate", "Accuracy and CAM localisation on held-out creatures");
  verb->footer(
      "Boxes: largest component above 20 % of the map's maximum, against the true box (GT-known).\n"
      "example: cutaway evaluate weights/shipped/creatures.h5 --seed 1");
  verb->add_option("model", o->model, "a package trained on creatures")->required();
  verb->add_option("--count", o->count, "pictures to render")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  verb->callback(
      [o, &context] { context.action = [o, &context] { return evaluate(*o, context); }; });
}

}  // namespace cutaway::tools
