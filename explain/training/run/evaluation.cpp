#include "explain/training/run/evaluation.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "explain/evaluate/run/outputs.h"
#include "explain/training/run/each_batch.h"
#include "layers/classifier.h"
#include "runtime/files/atomic_file.h"

namespace cutaway::training {
namespace {

using explain::csv_field;
using explain::csv_value;

Verdict verdict_of(std::span<const float> scores, std::int64_t picture, std::int32_t label) {
  const auto best = std::max_element(scores.begin(), scores.end());
  double sum = 0.0;
  for (const float s : scores) sum += std::exp(static_cast<double>(s) - static_cast<double>(*best));
  const double own = static_cast<double>(scores[static_cast<std::size_t>(label)]);
  return {picture, label, static_cast<std::int32_t>(best - scores.begin()), 1.0 / sum,
          std::log(sum) - (own - static_cast<double>(*best))};
}

void fill_bins(Evaluation& e) {
  for (const Verdict& v : e.verdicts) {
    const double place = v.probability * static_cast<double>(Evaluation::kBins);
    // A bin holds its upper end.
    const auto at = static_cast<std::size_t>(
        std::clamp(std::ceil(place) - 1.0, 0.0, static_cast<double>(Evaluation::kBins - 1)));
    Evaluation::Bin& bin = e.bins[at];
    ++bin.count;
    bin.confidence += v.probability;
    bin.accuracy += v.top == v.label ? 1.0 : 0.0;
  }
  const auto all = static_cast<double>(std::max<std::size_t>(1, e.verdicts.size()));
  for (Evaluation::Bin& bin : e.bins) {
    if (bin.count == 0) continue;
    e.calibration_error += std::fabs(bin.accuracy - bin.confidence) / all;
    bin.confidence /= static_cast<double>(bin.count);
    bin.accuracy /= static_cast<double>(bin.count);
  }
}

std::string confusion_csv(const Evaluation& e, const LabelledSet& set) {
  std::string csv = "true";
  for (const std::string& name : set.classes) csv += "," + csv_field(name);
  csv += "\n";
  for (std::int64_t t = 0; t < e.classes; ++t) {
    csv += csv_field(set.classes[static_cast<std::size_t>(t)]);
    for (std::int64_t s = 0; s < e.classes; ++s) csv += "," + std::to_string(e.confused(t, s));
    csv += "\n";
  }
  return csv;
}

std::string classes_csv(const Evaluation& e, const LabelledSet& set) {
  std::string csv = "class,pictures,right,accuracy\n";
  for (std::int64_t t = 0; t < e.classes; ++t) {
    std::int64_t count = 0;
    for (std::int64_t s = 0; s < e.classes; ++s) count += e.confused(t, s);
    const std::int64_t right = e.confused(t, t);
    csv += csv_field(set.classes[static_cast<std::size_t>(t)]) + "," + std::to_string(count) + "," +
           std::to_string(right) + "," +
           (count > 0 ? csv_value(static_cast<double>(right) / static_cast<double>(count)) : "") +
           "\n";
  }
  return csv;
}

std::string predictions_csv(const Evaluation& e, const LabelledSet& set) {
  std::string csv = "file,class,said,probability,loss\n";
  for (const Verdict& v : e.verdicts) {
    csv += csv_field(set.pictures[static_cast<std::size_t>(v.picture)].name) + "," +
           csv_field(set.classes[static_cast<std::size_t>(v.label)]) + "," +
           csv_field(set.classes[static_cast<std::size_t>(v.top)]) + "," +
           csv_value(v.probability) + "," + csv_value(v.loss) + "\n";
  }
  return csv;
}

}  // namespace

Evaluation summed_up(std::vector<Verdict> verdicts, std::int64_t classes) {
  Evaluation e;
  e.verdicts = std::move(verdicts);
  e.classes = classes;
  e.confusion.assign(static_cast<std::size_t>(classes * classes), 0);
  double right = 0.0;
  for (const Verdict& v : e.verdicts) {
    e.loss += v.loss;
    right += v.top == v.label ? 1.0 : 0.0;
    ++e.confusion[static_cast<std::size_t>(v.label * classes + v.top)];
  }
  const auto all = static_cast<double>(std::max<std::size_t>(1, e.verdicts.size()));
  e.loss /= all;
  e.accuracy = right / all;
  std::int64_t present = 0;
  for (std::int64_t t = 0; t < classes; ++t) {
    std::int64_t count = 0;
    for (std::int64_t s = 0; s < classes; ++s) count += e.confused(t, s);
    if (count == 0) continue;
    ++present;
    e.mean_class_accuracy += static_cast<double>(e.confused(t, t)) / static_cast<double>(count);
  }
  if (present > 0) e.mean_class_accuracy /= static_cast<double>(present);
  fill_bins(e);
  return e;
}

Evaluation evaluate(const Model& model,
                    const weights::Preprocess& rule,
                    const LabelledSet& set,
                    std::span<const std::int64_t> pictures,
                    std::int64_t batch,
                    const explain::RunContext& context) {
  const auto count = static_cast<std::int64_t>(pictures.size());
  PlanRequest request;
  request.input = model.graph.node(0).shape;
  request.input.n = std::clamp<std::int64_t>(batch, 1, std::max<std::int64_t>(1, count));
  request.output = logits_node(model.graph);
  request.engines = context.settings.engines();
  Executor executor(model, request, context.settings.stream());
  std::vector<Verdict> verdicts;
  const std::int64_t classes = class_count(model.graph);
  const auto use = [&](const BatchLoader::Batch& b) {
    const Tensor scores = executor.read(executor.output());
    for (std::size_t i = 0; i < b.pictures.size(); ++i) {
      const std::int64_t picture = b.pictures[i];
      verdicts.push_back(verdict_of(scores.f32().subspan(i * static_cast<std::size_t>(classes),
                                                         static_cast<std::size_t>(classes)),
                                    picture,
                                    set.pictures[static_cast<std::size_t>(picture)].label));
    }
  };
  each_batch(executor, request.input, rule, set, pictures, "evaluate", context, use);
  return summed_up(std::move(verdicts), classes);
}

void write_evaluation(const Evaluation& e, const LabelledSet& set, const std::string& folder) {
  files::write_file_atomically(folder + "/predictions.csv", predictions_csv(e, set));
  files::write_file_atomically(folder + "/confusion.csv", confusion_csv(e, set));
  files::write_file_atomically(folder + "/classes.csv", classes_csv(e, set));
  nlohmann::ordered_json bins = nlohmann::ordered_json::array();
  for (const Evaluation::Bin& bin : e.bins) {
    bins.push_back(
        {{"pictures", bin.count}, {"confidence", bin.confidence}, {"accuracy", bin.accuracy}});
  }
  const nlohmann::ordered_json json{{"pictures", e.verdicts.size()},
                                    {"classes", e.classes},
                                    {"accuracy", e.accuracy},
                                    {"mean_class_accuracy", e.mean_class_accuracy},
                                    {"loss", e.loss},
                                    {"expected_calibration_error", e.calibration_error},
                                    {"calibration", bins}};
  files::write_file_atomically(folder + "/evaluation.json", json.dump(1) + "\n");
}

}  // namespace cutaway::training
