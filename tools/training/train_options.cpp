#include "tools/training/train_options.h"

#include <charconv>
#include <filesystem>

#include "explain/training/data/open_data.h"
#include "explain/training/run/train_run.h"
#include "runtime/error.h"
#include "tools/datasets/creature_set.h"
#include "weights/recipe_json.h"

namespace cutaway::tools {
namespace {

constexpr std::string_view kCreatures = "creatures:";

template <class T>
bool parse_number(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

HeadKind head_kind(const std::string& name) {
  if (name == "gap") return HeadKind::kAverage;
  if (name == "gmp") return HeadKind::kMax;
  if (name == "fc") return HeadKind::kDense;
  throw Error(ErrorKind::kUsage, "--head").expected("gap, gmp or fc").got("'" + name + "'");
}

/// "8x4": classes and pictures of each.
void parse_balanced(const std::string& text, Recipe& recipe) {
  const std::size_t cross = text.find('x');
  if (cross == std::string::npos ||
      !parse_number(std::string_view(text).substr(0, cross), recipe.balanced_classes) ||
      !parse_number(std::string_view(text).substr(cross + 1), recipe.balanced_each)) {
    throw Error(ErrorKind::kUsage, "--balanced")
        .expected("CLASSESxPICTURES, 8x4")
        .got("'" + text + "'");
  }
}

/// "0.1": a part; else the name of a split.
void parse_validation(const std::string& text, Recipe& recipe, training::DivisionOptions& to) {
  if (parse_number(std::string_view(text), recipe.validation)) return;
  try {
    to.held_back = training::parse_split(text);
  } catch (const Error&) {
    throw Error(ErrorKind::kUsage, "--validation")
        .expected("a part of the pictures, 0.1, or the split validation or test")
        .got("'" + text + "'");
  }
}

}  // namespace

Recipe recipe_of(const TrainOptions& o, const Context& context) {
  std::error_code code;
  Recipe r;
  if (!o.recipe.empty()) {
    r = std::filesystem::is_regular_file(o.recipe, code) ? weights::load_recipe(o.recipe)
                                                         : weights::shipped_recipe(o.recipe);
  }
  if (o.epochs >= 0) r.epochs = o.epochs;
  if (o.batch >= 0) r.batch = o.batch;
  if (o.rate >= 0) r.schedule.rate = static_cast<float>(o.rate);
  if (o.weight_decay >= 0) r.optimizer.weight_decay = static_cast<float>(o.weight_decay);
  if (o.filter_radius >= 0) r.filter_radius = o.filter_radius;
  if (!o.losses.empty()) r.losses = parse_losses(o.losses);
  if (o.smoothing >= 0) {
    for (LossSpec& loss : r.losses)
      if (loss.kind == "cross_entropy") loss.settings.set("smoothing", o.smoothing);
  }
  if (!o.balanced.empty()) parse_balanced(o.balanced, r);
  if (!o.freeze.empty()) r.freeze = o.freeze;
  if (o.freeze_norms) r.freeze_batch_norm = true;
  if (context.common.seed != 0) r.seed = context.common.seed;
  training::DivisionOptions ignored;
  if (!o.validation.empty()) parse_validation(o.validation, r, ignored);
  r.validate();
  return r;
}

training::LabelledSet open_labelled(const std::string& data,
                                    std::int64_t height,
                                    const std::vector<std::string>& classes,
                                    const Context& context) {
  training::LabelledSet set;
  if (data.starts_with(kCreatures)) {
    std::int64_t count = 0;
    if (!parse_number(std::string_view(data).substr(kCreatures.size()), count) || count < 1 ||
        count > 10'000'000) {
      throw Error(ErrorKind::kUsage, "--data")
          .expected("creatures:COUNT, creatures:12000")
          .got("'" + data + "'");
    }
    set = creature_set(count, static_cast<int>(height), context.common.seed,
                       context.common.cpu_threads(), context.observer());
  } else {
    set = training::open_data(data, context.observer());
  }
  if (!classes.empty()) keep_classes(set, classes);
  return set;
}

namespace {

training::NetRequest net_of(const TrainOptions& o) {
  training::NetRequest net;
  net.net = o.net;
  if (!o.head.empty()) net.head = head_kind(o.head);
  net.from = o.from;
  net.dropout = o.dropout;
  return net;
}

}  // namespace

training::TrainJob training_job(const TrainOptions& o, const Context& context) {
  training::check_folder(o.out, o.resume, o.overwrite);
  const training::NetRequest net = net_of(o);
  Recipe recipe = recipe_of(o, context);
  training::DivisionOptions division;
  if (!o.validation.empty()) parse_validation(o.validation, recipe, division);
  division.per_class = o.per_class;
  const std::int64_t height = o.data.starts_with(kCreatures) ? input_height(net) : 0;
  training::TrainJob job = prepare_training(net, open_labelled(o.data, height, o.classes, context),
                                            recipe, context.run());
  job.out = o.out;
  job.data = o.data;
  job.division = division;
  job.checkpoint_steps = o.checkpoint_steps;
  job.explain_every = o.explain_every;
  job.explain_methods = o.explain;
  job.resume = o.resume;
  job.overwrite = o.overwrite;
  return job;
}

training::RoarJob roar_job(const TrainOptions& o, const Context& context) {
  training::RoarJob job;
  job.net = net_of(o);
  job.recipe = recipe_of(o, context);
  if (!o.validation.empty()) parse_validation(o.validation, job.recipe, job.division);
  job.division.per_class = o.per_class;
  const std::int64_t height = o.data.starts_with(kCreatures) ? input_height(job.net) : 0;
  job.set = open_labelled(o.data, height, o.classes, context);
  job.data = o.data;
  job.out = o.out;
  job.resume = o.resume;
  job.overwrite = o.overwrite;
  return job;
}

training::SweepJob sweep_job(const TrainOptions& o, const Context& context) {
  if (!o.net.empty() || !o.head.empty() || !o.from.empty()) {
    throw Error(ErrorKind::kUsage, "nets and their heads stand in the file of --sweep")
        .got(o.net.empty() ? "--head or --from" : "'" + o.net + "'");
  }
  Recipe recipe = recipe_of(o, context);
  training::SweepJob job;
  if (!o.validation.empty()) parse_validation(o.validation, recipe, job.division);
  job.division.per_class = o.per_class;
  job.plan = training::load_sweep(o.sweep, recipe);
  const std::int64_t height =
      o.data.starts_with(kCreatures) ? input_height(job.plan.variants.front().net) : 0;
  job.set = open_labelled(o.data, height, o.classes, context);
  job.data = o.data;
  job.out = o.out;
  job.resume = o.resume;
  job.overwrite = o.overwrite;
  return job;
}

}  // namespace cutaway::tools
