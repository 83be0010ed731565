#include "tools/training/creature_command.h"

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "explain/runs/load_network.h"
#include "runtime/files/output_check.h"
#include "tools/program/output.h"

namespace cutaway::tools {
namespace {

/// "net-epoch-0005.h5" beside "net.h5".
std::string checkpoint_path(const std::string& target, std::int64_t epoch) {
  const std::filesystem::path path = target;
  char name[40];
  std::snprintf(name, sizeof name, "-epoch-%04lld", static_cast<long long>(epoch));
  return (path.parent_path() / (path.stem().string() + name + path.extension().string())).string();
}

void take_over(const TrainOptions& from, CreatureTraining& to) {
  if (from.epochs >= 0) to.epochs = from.epochs;
  if (from.batch >= 0) to.batch = from.batch;
  if (from.rate >= 0) to.rate = static_cast<float>(from.rate);
  if (from.weight_decay >= 0) to.weight_decay = static_cast<float>(from.weight_decay);
  if (from.smoothing >= 0) to.smoothing = static_cast<float>(from.smoothing);
  if (from.filter_radius >= 0) to.filter_radius = from.filter_radius;
}

}  // namespace

int train_creatures(CreatureTraining& o, const TrainOptions& common, const Context& context) {
  const std::string& target = common.net;
  take_over(common, o);
  std::vector<std::string> writes{target};
  for (const std::int64_t epoch : std::set(o.checkpoints.begin(), o.checkpoints.end()))
    writes.push_back(checkpoint_path(target, epoch));
  files::check_outputs(
      {.reads = {}, .writes = writes, .folders = {}, .overwrite = common.overwrite});
  o.checkpoint = [&](const weights::Package& package, std::int64_t epoch) {
    weights::save(package, checkpoint_path(target, epoch));
  };
  const TrainedNet trained = train_on_creatures(o, context);
  weights::save(trained.package, target);
  if (context.common.json) {
    print_json({{"model", target},
                {"held_out_images", trained.held_out},
                {"accuracy", 100.0 * trained.accuracy},
                {"localization", 100.0 * trained.localization},
                {"seconds", trained.seconds},
                {"updates", trained.updates},
                {"renormalized_filters", trained.renormalized},
                {"weights_hash", weights::weights_hash(trained.package.model)}});
  } else {
    std::printf(
        "%s: %.2f %% of %lld held-out creatures right, CAM boxes %.2f %% at IoU 0.5, "
        "%lld updates in %.0f s\n",
        target.c_str(), 100.0 * trained.accuracy, static_cast<long long>(trained.held_out),
        100.0 * trained.localization, static_cast<long long>(trained.updates), trained.seconds);
  }
  return kExitOk;
}

int evaluate_creatures(const std::string& model, std::int64_t count, const Context& context) {
  const weights::Package package = explain::load_network(model);
  const CreatureScore score = score_on_creatures(package, context.common.seed,
                                                 CreatureTraining::kHeldOutFirst, count, context);
  if (context.common.json) {
    print_json({{"model", model},
                {"images", count},
                {"seed", context.common.seed},
                {"accuracy", 100.0 * score.accuracy},
                {"localization", 100.0 * score.localization}});
  } else {
    std::printf(
        "%lld held-out creatures: %.2f %% classified right; CAM boxes of the true class reach IoU "
        "0.5 on %.2f %%\n",
        static_cast<long long>(count), 100.0 * score.accuracy, 100.0 * score.localization);
  }
  return kExitOk;
}

}  // namespace cutaway::tools
