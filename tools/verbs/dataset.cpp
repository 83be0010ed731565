#include <cstdio>

#include "explain/training/data/pack.h"
#include "explain/training/run/prepare.h"
#include "runtime/error.h"
#include "runtime/files/output_check.h"
#include "tools/datasets/creature_folder.h"
#include "tools/program/command.h"
#include "tools/training/train_options.h"
#include "tools/verbs/verbs.h"

namespace cutaway::tools {
namespace {

struct Options {
  std::string name, folder;
  std::int64_t count{1000}, first{0};
  bool overwrite{false};
  creatures::Options scene;
};

int make(const Options& o, const Context& context) {
  if (o.name != "creatures") {
    throw Error(ErrorKind::kUsage, "unknown data set '" + o.name + "'").hint("known: creatures");
  }
  files::check_outputs({.reads = {},
                        .writes = {o.folder + "/truth.json", o.folder + "/labels.csv"},
                        .folders = {o.folder},
                        .overwrite = o.overwrite});
  creatures::Options scene = o.scene;
  scene.seed = context.common.seed;
  write_creatures(o.folder, scene, static_cast<std::uint64_t>(o.first),
                  static_cast<std::uint64_t>(o.count), CpuStream(context.common.threads).threads(),
                  context.observer());
  if (context.common.json) {
    std::printf("{\"images\": %lld, \"classes\": %zu, \"size\": %d, \"seed\": %llu}\n",
                static_cast<long long>(o.count), creatures::class_names().size(), scene.size,
                static_cast<unsigned long long>(scene.seed));
  } else {
    std::printf("%s/labels.csv\n", o.folder.c_str());
  }
  return kExitOk;
}

struct PackOptions {
  std::string data, target;
  std::vector<std::string> classes;
  int size{64};
  bool overwrite{false};
};

int pack(const PackOptions& o, const Context& context) {
  files::check_outputs(
      {.reads = {o.data}, .writes = {o.target}, .folders = {}, .overwrite = o.overwrite});
  training::LabelledSet set = open_labelled(o.data, o.size, o.classes, context);
  const training::Survey found =
      training::survey(set, context.common.cpu_threads(), context.observer());
  const auto left = leave_out_unreadable(set, found, context.run());
  write_pack(set, o.target, o.size, context.common.cpu_threads(), context.observer());
  if (context.common.json) {
    std::printf("{\"images\": %zu, \"left_out\": %zu, \"classes\": %zu, \"size\": %d}\n",
                set.pictures.size(), left.size(), set.classes.size(), o.size);
  } else {
    std::printf("%s: %zu pictures of %zu classes\n", o.target.c_str(), set.pictures.size(),
                set.classes.size());
  }
  return left.empty() ? kExitOk : kExitPartial;
}

void add_pack(Command& verb, Context& context) {
  auto o = std::make_shared<PackOptions>();
  Command& packer = verb.add_subcommand("pack", "One HDF5 file of labelled pictures of one size");
  packer.footer("example: cutaway dataset pack photos/ photos.h5 --size 64");
  packer.add_option("data", o->data, "as cutaway train --data takes it").required();
  packer.add_option("target", o->target, "the HDF5 file to write").required();
  packer.add_option("--size", o->size, "height and width")
      .check(range(8, 1024))
      .capture_default_str();
  packer.add_option("--classes", o->classes, "only these, numbered in this order").delimiter(',');
  packer.add_flag("--overwrite", o->overwrite, "replace the file");
  packer.callback([o, &context] { context.action = [o, &context] { return pack(*o, context); }; });
}

}  // namespace

void add_dataset(Command& program, Context& context) {
  auto o = std::make_shared<Options>();
  Command& verb = program.add_subcommand("dataset", "Make data sets");
  verb.require_subcommand();
  add_pack(verb, context);
  Command& maker = verb.add_subcommand("make", "Render a synthetic data set with its ground truth");
  maker.footer("example: cutaway dataset make creatures DIR --count 2000 --seed 7");
  maker.add_option("name", o->name, "creatures").required();
  maker.add_option("folder", o->folder, "where to write it").required();
  maker.add_option("--count", o->count, "pictures").check(range(1, 1000000)).capture_default_str();
  maker.add_option("--first", o->first, "number of the first picture").check(non_negative());
  maker.add_option("--size", o->scene.size, "height and width")
      .check(range(32, 1024))
      .capture_default_str();
  maker.add_option("--clutter", o->scene.clutter, "0 to 1").check(range(0.0, 1.0));
  maker.add_option("--occlusion", o->scene.occlusion, "share of pictures with something in front")
      .check(range(0.0, 1.0));
  maker.add_flag("--overwrite", o->overwrite, "replace the data set that the folder holds");
  maker.callback([o, &context] { context.action = [o, &context] { return make(*o, context); }; });
}

}  // namespace cutaway::tools
