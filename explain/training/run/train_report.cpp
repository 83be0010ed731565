#include "explain/training/run/train_report.h"

#include <algorithm>
#include <cstdio>
#include <functional>

#include "explain/pictures/preprocess.h"
#include "explain/pictures/read_image.h"
#include "explain/pictures/resample.h"
#include "explain/report/chart.h"
#include "explain/study/run/page.h"
#include "explain/visualize/filters.h"
#include "runtime/error.h"

namespace cutaway::training {
namespace {

using explain::Chart;
using explain::Image;
using explain::StudyPage;

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f %%", 100.0 * share);
  return text;
}

std::string decimal(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", v);
  return text;
}

using Get = double (*)(const EpochRecord&);

std::string curve(const std::vector<EpochRecord>& epochs,
                  const std::string& title,
                  const std::vector<Get>& lines) {
  Chart chart;
  chart.title = title;
  chart.x_label = "epoch";
  for (const EpochRecord& r : epochs) chart.x.push_back(static_cast<double>(r.epoch));
  for (const Get get : lines) {
    chart.lines.emplace_back();
    for (const EpochRecord& r : epochs) chart.lines.back().push_back(get(r));
  }
  return chart_svg(chart);
}

void add_curves(StudyPage& page, const std::vector<EpochRecord>& epochs) {
  page.section("Curves", "");
  const std::vector<std::string> charts{
      curve(epochs, "loss",
            {[](const EpochRecord& r) { return r.loss; },
             [](const EpochRecord& r) { return r.held_back_loss; }}),
      curve(epochs, "accuracy, %",
            {[](const EpochRecord& r) { return 100.0 * r.accuracy; },
             [](const EpochRecord& r) { return 100.0 * r.held_back_accuracy; }}),
      curve(epochs, "learning rate", {[](const EpochRecord& r) { return r.rate; }}),
      curve(epochs, "norm of all weights", {[](const EpochRecord& r) { return r.weight_norm; }}),
      curve(epochs, "dead filters of the first layer",
            {[](const EpochRecord& r) { return static_cast<double>(r.dead_filters); }}),
      explain::legend_svg({"training", "held back"})};
  page.charts(charts,
              "Training figures are means over an epoch, while the net changed and its "
              "pictures were augmented; the others are of the net after it.");
}

void add_filters(StudyPage& page, const Model& model, const weights::Preprocess& rule) {
  try {
    const NodeId first = explain::first_convolution(model.graph);
    const Tensor& weight = model.parameters.of(first)[0];
    const bool bgr = rule.order == weights::ColorOrder::kBgr;
    const int size = static_cast<int>(std::max<std::int64_t>(1, weight.shape().w));
    const Image sheet =
        explain::draw_filters(weight, explain::FilterScale::kEach, std::max(2, 40 / size), bgr);
    page.section("First layer", "");
    page.picture(sheet, "filters of the first convolution",
                 model.graph.node(first).name + ": every filter on its own scale");
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kUnsupported) throw;  // a net without such filters
  }
}

/// The newest few and the first; all of them are in the folder.
void add_sheets(StudyPage& page, const std::vector<std::pair<std::int64_t, std::string>>& sheets) {
  constexpr std::size_t kMost = 4;
  if (sheets.empty()) return;
  page.section("What it looks at",
               "How pictures that were held back are explained by their true "
               "class. All sheets, and features over the epochs, are in watch/.");
  for (std::size_t i = 0; i < sheets.size(); ++i) {
    if (i != 0 && i + kMost < sheets.size()) continue;
    page.picture(explain::read_image(sheets[i].second), "explanations",
                 "epoch " + std::to_string(sheets[i].first));
  }
}

void add_confusion(StudyPage& page, const Evaluation& e, const LabelledSet& set) {
  constexpr std::int64_t kWhole = 12;
  std::vector<std::vector<std::string>> rows;
  if (e.classes <= kWhole) {
    std::vector<std::string> head{"true class"};
    for (const std::string& name : set.classes) head.push_back(name);
    for (std::int64_t t = 0; t < e.classes; ++t) {
      rows.push_back({set.classes[static_cast<std::size_t>(t)]});
      for (std::int64_t s = 0; s < e.classes; ++s)
        rows.back().push_back(std::to_string(e.confused(t, s)));
    }
    page.section("Confusion", "Rows are true classes, columns what the net said.");
    page.table(head, rows);
    return;
  }
  std::vector<std::pair<std::int64_t, std::int64_t>> pairs;
  for (std::int64_t t = 0; t < e.classes; ++t)
    for (std::int64_t s = 0; s < e.classes; ++s)
      if (t != s && e.confused(t, s) > 0) pairs.emplace_back(t, s);
  std::stable_sort(pairs.begin(), pairs.end(), [&](const auto& a, const auto& b) {
    return e.confused(a.first, a.second) > e.confused(b.first, b.second);
  });
  for (std::size_t i = 0; i < std::min<std::size_t>(20, pairs.size()); ++i) {
    const auto [t, s] = pairs[i];
    rows.push_back({set.classes[static_cast<std::size_t>(t)] + " taken for " +
                        set.classes[static_cast<std::size_t>(s)],
                    std::to_string(e.confused(t, s))});
  }
  page.section("Confusion", "The most frequent; confusion.csv has all.");
  page.table({"classes", "pictures"}, rows);
}

void add_calibration(StudyPage& page, const Evaluation& e) {
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < e.bins.size(); ++i) {
    const Evaluation::Bin& bin = e.bins[i];
    if (bin.count == 0) continue;
    char range[40];
    std::snprintf(range, sizeof range, "%.3f to %.3f", static_cast<double>(i) / 15.0,
                  static_cast<double>(i + 1) / 15.0);
    rows.push_back(
        {range, std::to_string(bin.count), percent(bin.confidence), percent(bin.accuracy)});
  }
  page.section("Calibration", "Expected calibration error " + percent(e.calibration_error) + ".");
  page.table({"probability of the first class", "pictures", "mean probability", "right"}, rows);
}

void add_worst(StudyPage& page,
               const Evaluation& e,
               const LabelledSet& set,
               const weights::Preprocess& rule) {
  constexpr std::size_t kMost = 12;
  constexpr int kSide = 128;
  std::vector<const Verdict*> worst;
  for (const Verdict& v : e.verdicts) worst.push_back(&v);
  std::stable_sort(worst.begin(), worst.end(),
                   [](const Verdict* a, const Verdict* b) { return a->loss > b->loss; });
  worst.resize(std::min(kMost, worst.size()));
  page.section("Worst pictures", "Those whose own class got the least probability.");
  for (const Verdict* v : worst) {
    Image seen = explain::resize_and_crop(set.read(v->picture), rule);
    const int width = std::max(1, seen.width * kSide / std::max(seen.width, seen.height));
    const int height = std::max(1, seen.height * kSide / std::max(seen.width, seen.height));
    seen = explain::resize(seen, width, height, explain::Resample::kBilinearPil);
    const std::string& name = set.pictures[static_cast<std::size_t>(v->picture)].name;
    page.picture(seen, name,
                 name + ": " + set.classes[static_cast<std::size_t>(v->label)] + ", said " +
                     set.classes[static_cast<std::size_t>(v->top)] + " " + percent(v->probability));
  }
}

void add_evaluation(StudyPage& page,
                    const Evaluation& e,
                    const LabelledSet& set,
                    const weights::Preprocess& rule) {
  page.section("Result", std::to_string(e.verdicts.size()) + " pictures: " + percent(e.accuracy) +
                             " right, mean of the classes " + percent(e.mean_class_accuracy) +
                             ", loss " + decimal(e.loss) + ".");
  add_confusion(page, e, set);
  add_calibration(page, e);
  add_worst(page, e, set, rule);
}

std::string refreshing(std::string html) {
  const std::string head = "<head>";
  const std::size_t at = html.find(head);
  if (at != std::string::npos)
    html.insert(at + head.size(), "<meta http-equiv=\"refresh\" content=\"10\">");
  return html;
}

}  // namespace

std::string report_page(const TrainJob& job,
                        const std::vector<EpochRecord>& epochs,
                        const TrainReport& now,
                        const explain::RunContext& context) {
  const bool running = now.evaluation == nullptr;
  StudyPage page("Training of " + job.net, job.data + ", update " + std::to_string(now.steps) +
                                               " of " + std::to_string(now.of) +
                                               (running ? ", running" : ""));
  if (!epochs.empty()) add_curves(page, epochs);
  if (now.model != nullptr) add_filters(page, *now.model, job.start.preprocess);
  add_sheets(page, now.sheets);
  if (!running) add_evaluation(page, *now.evaluation, job.set, job.start.preprocess);
  const std::string html = page.html(
      context.origin.argv, {{"net", job.net},
                            {"data", job.data},
                            {"classes", static_cast<std::int64_t>(job.set.classes.size())},
                            {"pictures", static_cast<std::int64_t>(job.set.pictures.size())},
                            {"left out", static_cast<std::int64_t>(job.unreadable.size())},
                            {"epochs", job.recipe.epochs},
                            {"batch", job.recipe.batch_size()},
                            {"seed", static_cast<std::int64_t>(job.recipe.seed)}});
  return running ? refreshing(html) : html;
}

std::string evaluation_page(const std::string& title,
                            const LabelledSet& set,
                            const weights::Preprocess& rule,
                            const Evaluation& evaluation,
                            const explain::RunContext& context) {
  StudyPage page(title, std::to_string(set.classes.size()) + " classes");
  add_evaluation(page, evaluation, set, rule);
  return page.html(context.origin.argv,
                   {{"pictures", static_cast<std::int64_t>(evaluation.verdicts.size())}});
}

}  // namespace cutaway::training
