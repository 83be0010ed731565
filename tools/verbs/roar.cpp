#include "explain/runs/choose_methods.h"
#include "runtime/error.h"
#include "tools/printing/print.h"
#include "tools/program/command.h"
#include "tools/training/train_options.h"
#include "tools/verbs/verbs.h"

namespace cutaway::tools {
namespace {

struct RoarOptions {
  TrainOptions train;
  std::vector<std::string> methods{"saliency", "gradient_x_input", "gradcam"}, options;
  std::vector<double> levels{0.1, 0.3, 0.5, 0.7, 0.9};
  std::vector<std::int64_t> seeds{1};
  std::string layer;
  bool keep{false};
};

int roar(const RoarOptions& o, const Context& context) {
  training::RoarJob job = roar_job(o.train, context);
  job.methods = explain::methods_named(o.methods);
  for (const std::string& option : o.options) explain::add_method_option(job.options, option);
  job.layer = o.layer;
  job.levels = o.levels;
  job.seeds.clear();
  for (const std::int64_t seed : o.seeds) {
    if (seed < 0) throw Error(ErrorKind::kUsage, "--seeds").expected("numbers from 0 on");
    job.seeds.push_back(static_cast<std::uint64_t>(seed));
  }
  job.keep = o.keep;
  const training::RoarSummary s = run_roar(job, context.run());
  print(s, context);
  return s.unreadable == 0 && s.refusals.empty() ? kExitOk : kExitPartial;
}

}  // namespace

void add_roar(Command& program, Context& context) {
  auto o = std::make_shared<RoarOptions>();
  TrainOptions& t = o->train;
  Command& verb = program.add_subcommand(
      "roar", "Remove the pixels that methods call important, and train again (ROAR)");
  verb.footer(
      "example: cutaway roar lenet --data mnist/ --recipe mnist --epochs 2 --method "
      "saliency,gradcam --seeds 1,2,3 --out roar");
  verb.add_option("net", t.net, "a zoo name, a package, or a net file (.json)").required();
  verb.add_option("--data", t.data, "labelled pictures as cutaway train takes them").required();
  verb.add_option("--out", t.out, "folder for the results and every training").required();
  verb.add_option("--method", o->methods, "methods and groups, with commas")
      .delimiter(',')
      .capture_default_str();
  verb.add_option("--option", o->options, "METHOD.NAME=VALUE");
  verb.add_option("--layer", o->layer, "layer of methods that take one");
  verb.add_option("--levels", o->levels, "shares of the pixels that are removed, with commas")
      .delimiter(',')
      .capture_default_str();
  verb.add_option("--seeds", o->seeds, "every training once a seed, with commas")
      .delimiter(',')
      .capture_default_str();
  verb.add_flag("--keep", o->keep, "keep the important pixels: remove the least important first");
  verb.add_option("--recipe", t.recipe, "a JSON file, or creatures, finetune, mnist, zfnet");
  verb.add_option("--epochs", t.epochs, "passes over the data").check(range(1, 1000000));
  verb.add_option("--batch", t.batch, "pictures an update").check(range(1, 65536));
  verb.add_option("--rate", t.rate, "greatest learning rate").check(positive());
  verb.add_option("--head", t.head, "a new end for the data's classes: gap, gmp, fc");
  verb.add_option("--classes", t.classes, "only these, numbered in this order").delimiter(',');
  verb.add_option("--per-class", t.per_class, "at most so many training pictures a class")
      .check(positive());
  verb.add_option("--validation", t.validation, "part that is held back, 0.1, or a split's name");
  verb.add_flag("--resume", t.resume, "go on where the same run was stopped");
  verb.add_flag("--overwrite", t.overwrite, "begin anew in the folder of another run");
  verb.callback([o, &context] { context.action = [o, &context] { return roar(*o, context); }; });
}

}  // namespace cutaway::tools
