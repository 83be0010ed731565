#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tools/training/creature_training.h"
#include "tools/verbs/verbs.h"
#include "weights/package.h"

namespace cutaway::tools {
namespace {

/// "net-epoch-0005.h5" beside "net.h5".
std::string checkpoint_path(const std::string& target, std::int64_t epoch) {
  const std::filesystem::path path = target;
  char name[40];
  std::snprintf(name, sizeof name, "-epoch-%04lld", static_cast<long long>(epoch));
  return (path.parent_path() / (path.stem().string() + name + path.extension().string())).string();
}

int train(CreatureTraining& o, const std::string& target, const Context& context) {
  o.checkpoint = [&](const weights::Package& package, std::int64_t epoch) {
    weights::save(package, checkpoint_path(target, epoch));
  };
  const TrainedNet trained = train_on_creatures(o, context);
  weights::save(trained.package, target);
  if (context.common.json) {
    const nlohmann::ordered_json result{
        {"model", target},
        {"held_out_images", trained.held_out},
        {"accuracy", 100.0 * trained.accuracy},
        {"localization", 100.0 * trained.localization},
        {"seconds", trained.seconds},
        {"updates", trained.updates},
        {"renormalized_filters", trained.renormalized},
        {"weights_hash", weights::weights_hash(trained.package.model)}};
    std::printf("%s\n", result.dump(2).c_str());
  } else {
    std::printf(
        "%s: %.2f %% of %lld held-out creatures right, CAM boxes %.2f %% at IoU 0.5, "
        "%lld updates in %.0f s\n",
        target.c_str(), 100.0 * trained.accuracy, static_cast<long long>(trained.held_out),
        100.0 * trained.localization, static_cast<long long>(trained.updates), trained.seconds);
  }
  return kExitOk;
}

}  // namespace

void add_train(CLI::App& program, Context& context) {
  auto o = std::make_shared<CreatureTraining>();
  auto target = std::make_shared<std::string>();
  CLI::App* verb =
      program.add_subcommand("train", "Train a small net on creatures, rendered as it goes");
  verb->footer("example: cutaway train creatures.h5 --seed 1");
  verb->add_option("target", *target, "the package to write")->required();
  verb->add_option("--architecture", o->architecture, "architecture of the zoo")
      ->capture_default_str();
  verb->add_option("--images", o->images, "training pictures")
      ->check(CLI::Range(64, 10000000))
      ->capture_default_str();
  verb->add_option("--epochs", o->epochs, "passes over them")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  verb->add_option("--batch", o->batch, "pictures an update")
      ->check(CLI::Range(2, 4096))
      ->capture_default_str();
  verb->add_option("--rate", o->rate, "greatest learning rate")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  verb->add_option("--weight-decay", o->weight_decay, "L2 penalty")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  verb->add_option("--renormalize-filters", o->filter_radius,
                   "after each update, scale filters of a greater root mean square back to this "
                   "(Zeiler & Fergus: 0.1)")
      ->check(CLI::PositiveNumber);
  verb->add_option("--smoothing", o->smoothing, "label smoothing")
      ->check(CLI::Range(0.0, 0.9))
      ->capture_default_str();
  verb->add_option("--checkpoints", o->checkpoints,
                   "epochs after which the net is kept beside the target, e.g. 1,2,5,10")
      ->delimiter(',');
  verb->add_option("--held-out", o->held_out, "test pictures")
      ->check(CLI::Range(10, 1000000))
      ->capture_default_str();
  verb->callback([o, target, &context] {
    context.action = [o, target, &context] { return train(*o, *target, context); };
  });
}

}  // namespace cutaway::tools
