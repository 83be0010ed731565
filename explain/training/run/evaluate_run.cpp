#include "explain/training/run/evaluate_run.h"

#include <algorithm>

#include "explain/runs/load_network.h"
#include "explain/training/run/prepare.h"
#include "explain/training/run/train_report.h"
#include "layers/classifier.h"
#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "runtime/files/folder.h"
#include "runtime/files/output_check.h"

namespace cutaway::training {
namespace {

/// Numbers the set's classes as the model does.
void number_as_model(LabelledSet& set, const weights::Package& package) {
  const auto count = static_cast<std::size_t>(class_count(package.model.graph));
  const std::vector<std::string>& labels = package.labels;
  std::vector<std::int32_t> number;
  for (const std::string& name : set.classes) {
    const auto at = std::find(labels.begin(), labels.end(), name);
    if (at == labels.end()) break;
    number.push_back(static_cast<std::int32_t>(at - labels.begin()));
  }
  if (number.size() == set.classes.size()) {
    for (LabelledPicture& p : set.pictures) p.label = number[static_cast<std::size_t>(p.label)];
    set.classes = labels;
    return;
  }
  if (set.classes.size() == count) return;
  throw Error(ErrorKind::kInput, "classes of the data")
      .expected(std::to_string(count) + ", or names that the model knows")
      .got(std::to_string(set.classes.size()));
}

std::vector<std::int64_t> chosen(const LabelledSet& set, const std::string& split) {
  std::vector<std::int64_t> pictures;
  const bool all = split.empty();
  const Split only = all ? Split{} : parse_split(split);
  for (std::size_t i = 0; i < set.pictures.size(); ++i)
    if (all || set.pictures[i].split == only) pictures.push_back(static_cast<std::int64_t>(i));
  if (pictures.empty()) throw Error(ErrorKind::kInput, "no picture of the split '" + split + "'");
  return pictures;
}

}  // namespace

EvaluationSummary run_evaluation(const EvaluationJob& job,
                                 const std::function<LabelledSet(std::int64_t height)>& open,
                                 const explain::RunContext& context) {
  if (!job.out.empty())
    files::check_outputs(
        {.reads = {job.data, job.model}, .writes = {}, .folders = {job.out}, .overwrite = true});
  const weights::Package package = explain::load_network(job.model);
  LabelledSet set = open(package.model.graph.node(0).shape.h);
  number_as_model(set, package);
  const Survey found = survey(set, context.settings.cpu_threads(), context.observer);
  EvaluationSummary s;
  s.left_out = leave_out_unreadable(set, found, context);
  s.evaluation =
      evaluate(package.model, package.preprocess, set, chosen(set, job.split), job.batch, context);
  if (!job.out.empty()) {
    files::make_folder(job.out);
    write_evaluation(s.evaluation, set, job.out);
    files::write_file_atomically(job.out + "/report.html",
                                 evaluation_page("Evaluation of " + job.model, set,
                                                 package.preprocess, s.evaluation, context));
  }
  return s;
}

}  // namespace cutaway::training
