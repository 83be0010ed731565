#include <CLI/CLI.hpp>
#include <cstdio>

#include "runtime/error.h"
#include "runtime/files/output_check.h"
#include "tools/datasets/creature_folder.h"
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

}  // namespace

void add_dataset(CLI::App& program, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = program.add_subcommand("dataset", "Make data sets");
  verb->require_subcommand(1);
  CLI::App* maker =
      verb->add_subcommand("make", "Render a synthetic data set with its ground truth");
  maker->footer("example: cutaway dataset make creatures DIR --count 2000 --seed 7");
  maker->add_option("name", o->name, "creatures")->required();
  maker->add_option("folder", o->folder, "where to write it")->required();
  maker->add_option("--count", o->count, "pictures")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  maker->add_option("--first", o->first, "number of the first picture")
      ->check(CLI::NonNegativeNumber);
  maker->add_option("--size", o->scene.size, "height and width")
      ->check(CLI::Range(32, 1024))
      ->capture_default_str();
  maker->add_option("--clutter", o->scene.clutter, "0 to 1")->check(CLI::Range(0.0, 1.0));
  maker->add_option("--occlusion", o->scene.occlusion, "share of pictures with something in front")
      ->check(CLI::Range(0.0, 1.0));
  maker->add_flag("--overwrite", o->overwrite, "replace the data set that the folder holds");
  maker->callback([o, &context] { context.action = [o, &context] { return make(*o, context); }; });
}

}  // namespace cutaway::tools
