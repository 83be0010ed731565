#include "explain/training/run/train_run.h"
#include "runtime/error.h"
#include "tools/printing/print.h"
#include "tools/program/command.h"
#include "tools/training/creature_command.h"
#include "tools/training/train_options.h"
#include "tools/verbs/verbs.h"

namespace cutaway::tools {
namespace {

struct Options {
  TrainOptions train;
  CreatureTraining creatures;
};

int sweep(const TrainOptions& o, const Context& context) {
  const training::SweepSummary s = run_sweep(sweep_job(o, context), context.run());
  print(s, context);
  return s.unreadable == 0 ? kExitOk : kExitPartial;
}

int train(Options& o, const Context& context) {
  if (!o.train.sweep.empty()) {
    if (o.train.data.empty() || o.train.out.empty())
      throw Error(ErrorKind::kUsage, "--sweep wants --data and --out");
    return sweep(o.train, context);
  }
  if (o.train.net.empty())
    throw Error(ErrorKind::kUsage, "net is required").hint("or --sweep FILE");
  if (o.train.data.empty()) return train_creatures(o.creatures, o.train, context);
  if (o.train.out.empty()) throw Error(ErrorKind::kUsage, "--out is missing");
  const training::TrainJob job = training_job(o.train, context);
  const training::TrainSummary s = run_training(job, context.run());
  print(s, context);
  return s.unreadable == 0 ? kExitOk : kExitPartial;
}

void add_creature_options(Command& verb, CreatureTraining& c) {
  const char* group = "Without --data: creatures, rendered as it goes; NET is the file to write";
  verb.add_option("--architecture", c.architecture, "of the zoo").group(group);
  verb.add_option("--images", c.images, "pictures").check(range(64, 10000000)).group(group);
  verb.add_option("--checkpoints", c.checkpoints, "epochs after which the net is kept, 1,2,5,10")
      .delimiter(',')
      .group(group);
  verb.add_option("--held-out", c.held_out, "test pictures").check(range(10, 1000000)).group(group);
}

void add_recipe_options(Command& verb, TrainOptions& o) {
  verb.add_option("--recipe", o.recipe, "a JSON file, or creatures, finetune, mnist, zfnet");
  verb.add_option("--epochs", o.epochs, "passes over the data").check(range(1, 1000000));
  verb.add_option("--batch", o.batch, "pictures an update").check(range(1, 65536));
  verb.add_option("--rate", o.rate, "greatest learning rate").check(positive());
  verb.add_option("--weight-decay", o.weight_decay, "L2 penalty").check(non_negative());
  verb.add_option("--smoothing", o.smoothing, "label smoothing").check(range(0.0, 0.9));
  verb.add_option("--renormalize-filters", o.filter_radius,
                  "after each update, scale filters of a greater root mean square back to this")
      .check(positive());
  verb.add_option("--loss", o.losses, "losses with weights, cross_entropy,pull_push:0.1");
  verb.add_option("--balanced", o.balanced, "batches of CLASSESxPICTURES, 8x4");
  verb.add_option("--freeze", o.freeze, "layers that stay, by pattern: conv1*").delimiter(',');
  verb.add_flag("--freeze-norms", o.freeze_norms, "batch normalisation keeps its estimates");
}

}  // namespace

void add_train(Command& program, Context& context) {
  auto o = std::make_shared<Options>();
  TrainOptions& t = o->train;
  Command& verb = program.add_subcommand("train", "Train a net on labelled pictures");
  verb.footer(
      "example: cutaway train lenet --data mnist/ --recipe mnist --out run\n"
      "example: cutaway train --sweep ablations.json --data photos/ --out sweep\n"
      "example: cutaway train resnet18.h5 --head gap --data photos/ --recipe finetune --out run");
  verb.add_option("net", t.net, "a zoo name, a package, or a net file (.json)");
  verb.add_option("--sweep", t.sweep,
                  "instead of a net: a file of variants, each trained over seeds and compared");
  verb.add_option("--data", t.data,
                  "a folder a class, a list (.csv, .json, .txt), IDX, CIFAR, .tar, .h5, or "
                  "creatures:COUNT");
  verb.add_option("--out", t.out, "folder for everything the training writes");
  verb.add_option("--head", t.head, "a new end for the data's classes: gap, gmp, fc");
  verb.add_option("--from", t.from, "layer that the new end reads");
  verb.add_option("--dropout", t.dropout, "in the new end").check(range(0.0, 0.95));
  verb.add_option("--classes", t.classes, "only these, numbered in this order").delimiter(',');
  verb.add_option("--per-class", t.per_class, "at most so many training pictures a class")
      .check(positive());
  verb.add_option("--validation", t.validation, "part that is held back, 0.1, or a split's name");
  add_recipe_options(verb, t);
  verb.add_option("--checkpoint-every", t.checkpoint_steps, "updates; after every epoch anyway")
      .check(positive());
  verb.add_option("--explain-every", t.explain_every, "epochs between explanations of pictures")
      .check(positive());
  verb.add_option("--explain", t.explain, "methods for them").delimiter(',');
  verb.add_flag("--resume", t.resume, "go on where the same training was stopped");
  verb.add_flag("--overwrite", t.overwrite,
                "begin anew in the folder of another training; replace an existing net");
  add_creature_options(verb, o->creatures);
  verb.callback([o, &context] { context.action = [o, &context] { return train(*o, context); }; });
}

}  // namespace cutaway::tools
