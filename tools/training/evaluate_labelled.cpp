#include "tools/training/evaluate_labelled.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "explain/runs/load_network.h"
#include "explain/training/run/evaluation.h"
#include "explain/training/run/prepare.h"
#include "explain/training/run/train_report.h"
#include "layers/classifier.h"
#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "runtime/files/folder.h"
#include "runtime/files/output_check.h"
#include "tools/training/train_options.h"

namespace cutaway::tools {
namespace {

/// Numbers the set's classes as the model does.
void number_as_model(training::LabelledSet& set, const weights::Package& package) {
  const auto count = static_cast<std::size_t>(class_count(package.model.graph));
  const std::vector<std::string>& labels = package.labels;
  std::vector<std::int32_t> number;
  for (const std::string& name : set.classes) {
    const auto at = std::find(labels.begin(), labels.end(), name);
    if (at == labels.end()) break;
    number.push_back(static_cast<std::int32_t>(at - labels.begin()));
  }
  if (number.size() == set.classes.size()) {
    for (training::LabelledPicture& p : set.pictures)
      p.label = number[static_cast<std::size_t>(p.label)];
    set.classes = labels;
    return;
  }
  if (set.classes.size() == count) return;
  throw Error(ErrorKind::kInput, "classes of the data")
      .expected(std::to_string(count) + ", or names that the model knows")
      .got(std::to_string(set.classes.size()));
}

std::vector<std::int64_t> chosen(const training::LabelledSet& set, const std::string& split) {
  std::vector<std::int64_t> pictures;
  const bool all = split.empty();
  const training::Split only = all ? training::Split{} : training::parse_split(split);
  for (std::size_t i = 0; i < set.pictures.size(); ++i)
    if (all || set.pictures[i].split == only) pictures.push_back(static_cast<std::int64_t>(i));
  if (pictures.empty()) throw Error(ErrorKind::kInput, "no picture of the split '" + split + "'");
  return pictures;
}

}  // namespace

int evaluate_labelled(const EvaluateLabelled& o, const Context& context) {
  if (!o.out.empty())
    files::check_outputs(
        {.reads = {o.data, o.model}, .writes = {}, .folders = {o.out}, .overwrite = true});
  const weights::Package package = explain::load_network(o.model);
  training::LabelledSet set =
      open_labelled(o.data, package.model.graph.node(0).shape.h, o.classes, context);
  number_as_model(set, package);
  const training::Survey found =
      training::survey(set, context.common.cpu_threads(), context.observer());
  const auto left = leave_out_unreadable(set, found, context.run());
  const training::Evaluation e = training::evaluate(package.model, package.preprocess, set,
                                                    chosen(set, o.split), o.batch, context.run());
  if (!o.out.empty()) {
    files::make_folder(o.out);
    write_evaluation(e, set, o.out);
    files::write_file_atomically(
        o.out + "/report.html",
        evaluation_page("Evaluation of " + o.model, set, package.preprocess, e, context.run()));
  }
  if (context.common.json) {
    const nlohmann::ordered_json result{
        {"model", o.model},
        {"pictures", e.verdicts.size()},
        {"left_out", left.size()},
        {"accuracy", 100.0 * e.accuracy},
        {"mean_class_accuracy", 100.0 * e.mean_class_accuracy},
        {"loss", e.loss},
        {"expected_calibration_error", 100.0 * e.calibration_error}};
    std::printf("%s\n", result.dump(2).c_str());
  } else {
    std::printf(
        "%zu pictures: %.2f %% right, mean of the classes %.2f %%, loss %.4f, expected "
        "calibration error %.2f %%\n",
        e.verdicts.size(), 100.0 * e.accuracy, 100.0 * e.mean_class_accuracy, e.loss,
        100.0 * e.calibration_error);
  }
  return left.empty() ? kExitOk : kExitPartial;
}

}  // namespace cutaway::tools
