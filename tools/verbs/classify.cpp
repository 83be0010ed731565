#include <cstdio>
#include <nlohmann/json.hpp>

#include "explain/runs/classify_run.h"
#include "explain/runs/load_network.h"
#include "tools/printing/json_rows.h"
#include "tools/program/command.h"
#include "tools/program/output.h"
#include "tools/verbs/verbs.h"

namespace cutaway::tools {

using namespace explain;
namespace {

struct Options {
  std::vector<std::string> lists;
  ClassifyJob job;
};

double percent(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

Json describe(const ClassifiedPicture& picture) {
  Json classes = Json::array();
  for (const auto& [index, label, probability] : picture.top)
    classes.push_back({{"class", index}, {"label", label}, {"probability", probability}});
  Json row{{"file", picture.name}};
  if (picture.label) row["label"] = *picture.label;
  row["top"] = std::move(classes);
  return row;
}

void print_row(const ClassifiedPicture& picture) {
  std::printf("%s\n", picture.name.c_str());
  for (const auto& [index, label, probability] : picture.top) {
    std::printf("  %6.2f %%  %4lld  %s\n", 100.0 * probability, static_cast<long long>(index),
                label.c_str());
  }
}

Json describe(const ClassifySummary& s) {
  Json end{{"images", s.images}};
  if (s.labelled > 0) {
    end["labelled"] = s.labelled;
    end["top1"] = percent(s.top1, s.labelled);
    end["top5"] = percent(s.top5, s.labelled);
  }
  end["failures"] = Json::array();
  for (const auto& [file, error] : s.failed.named) end["failures"].push_back(error);
  return end;
}

void print(const ClassifySummary& s) {
  if (s.labelled > 0) {
    std::printf("%lld images: top-1 %.2f %%, top-5 %.2f %%\n", static_cast<long long>(s.images),
                percent(s.top1, s.labelled), percent(s.top5, s.labelled));
  }
}

int classify(Options& o, const Context& context) {
  warn_of_missing_labels(o.lists, context.observer());
  o.job.inputs.insert(o.job.inputs.begin(), o.lists.begin(), o.lists.end());
  o.job.source.observer = &context.observer();
  const weights::Package package = load_network(o.job.model_path);
  JsonRows json("results");
  // Predictions of a long labelled list are wanted only as numbers, or as JSON.
  constexpr std::int64_t kMostRows = 20;
  std::vector<ClassifiedPicture> first;
  const auto each = [&](const ClassifiedPicture& picture) {
    if (context.common.json) {
      json.row(describe(picture));
    } else if (o.lists.empty()) {
      print_row(picture);
    } else if (static_cast<std::int64_t>(first.size()) <= kMostRows) {
      first.push_back(picture);
    }
  };
  const ClassifySummary s = run_classify(o.job, package, context.run(), each);
  if (static_cast<std::int64_t>(first.size()) <= kMostRows)
    for (const ClassifiedPicture& picture : first) print_row(picture);
  if (context.common.json) {
    json.finish(describe(s));
  } else {
    print(s);
  }
  return exit_code_of(s.images, s.failed.count == 0);
}

}  // namespace

void add_classify(Command& program, Context& context) {
  auto o = std::make_shared<Options>();
  Command& verb =
      program.add_subcommand("classify", "Classify pictures; accuracy on labelled lists");
  verb.footer("example: cutaway classify googlenet.h5 --list labels.csv --json");
  verb.add_option("model", o->job.model_path, "a Cutaway package").required();
  verb.add_option("inputs", o->job.inputs,
                  "pictures, folders, lists (.csv, .txt), .tar, .tar.gz, HDF5");
  verb.add_option("--list", o->lists, "CSV with columns file,label; files relative to the list");
  verb.add_option("--batch", o->job.batch, "pictures at a time")
      .check(range(1, 4096))
      .capture_default_str();
  verb.add_option("--top", o->job.top, "classes to print")
      .check(range(1, 1000))
      .capture_default_str();
  verb.add_option("--outputs", o->job.outputs, "HDF5 file for the raw class scores");
  verb.add_flag("--recursive", o->job.source.recursive, "look into sub-folders");
  verb.add_flag("--overwrite", o->job.overwrite, "replace the file of --outputs");
  verb.callback(
      [o, &context] { context.action = [o, &context] { return classify(*o, context); }; });
}

}  // namespace cutaway::tools
