#include "explain/training/transfer/transfer_run.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "explain/evaluate/run/outputs.h"
#include "explain/report/chart.h"
#include "explain/runs/output_names.h"
#include "explain/runs/run_folder.h"
#include "explain/runs/run_manifest.h"
#include "explain/study/run/page.h"
#include "explain/training/run/evaluation.h"
#include "explain/training/transfer/features.h"
#include "explain/training/transfer/linear_svm.h"
#include "explain/training/transfer/softmax_regression.h"
#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "runtime/files/npy.h"
#include "runtime/philox.h"
#include "runtime/progress.h"

namespace cutaway::training {
namespace {

constexpr std::uint64_t kStream = 0xF01D'0000u;  // apart from other draws

struct Fold {
  std::vector<std::int64_t> train, test;
};

/// The pictures of one class in an order drawn from seed and fold.
std::vector<std::int64_t> drawn(std::vector<std::int64_t> pictures,
                                std::uint64_t seed,
                                std::int64_t fold,
                                std::size_t c) {
  const Philox random{seed, kStream + static_cast<std::uint64_t>(fold) * 100'000 + c};
  for (std::size_t i = pictures.size(); i > 1; --i)
    std::swap(pictures[i - 1], pictures[random.word(i) % i]);
  return pictures;
}

Fold fold_of(const TransferJob& job,
             const LabelledSet& set,
             std::int64_t per_class,
             std::int64_t fold,
             std::uint64_t seed) {
  std::vector<std::vector<std::int64_t>> candidates(set.classes.size());
  Fold f;
  for (std::size_t i = 0; i < set.pictures.size(); ++i) {
    const LabelledPicture& p = set.pictures[i];
    const auto number = static_cast<std::int64_t>(i);
    if (p.split == Split::kTest) {
      f.test.push_back(number);
    } else {
      candidates[static_cast<std::size_t>(p.label)].push_back(number);
    }
  }
  const bool given = !f.test.empty();
  for (std::size_t c = 0; c < candidates.size(); ++c) {
    const std::vector<std::int64_t> order = drawn(std::move(candidates[c]), seed, fold, c);
    const auto all = static_cast<std::int64_t>(order.size());
    const std::int64_t train = std::min(per_class, given ? all : all - 1);
    if (train < 1) {
      throw Error(ErrorKind::kInput, "pictures of class '" + set.classes[c] + "'")
          .expected(given ? "1 to train on" : "2 or more")
          .got(std::to_string(all));
    }
    f.train.insert(f.train.end(), order.begin(), order.begin() + train);
    if (given) continue;
    const std::int64_t end = std::min(all, train + job.most_test);
    f.test.insert(f.test.end(), order.begin() + train, order.begin() + end);
  }
  return f;
}

template <class Classifier>
double accuracy_of(const Classifier& classifier,
                   const FeatureTable& table,
                   const LabelledSet& set,
                   const Fold& fold) {
  std::vector<Verdict> verdicts;
  for (const std::int64_t i : fold.test) {
    verdicts.push_back({i, set.pictures[static_cast<std::size_t>(i)].label,
                        classifier.predict(table.row(i)), 0.0, 0.0});
  }
  return summed_up(std::move(verdicts), static_cast<std::int64_t>(set.classes.size()))
      .mean_class_accuracy;
}

void summarise(TransferResult& r) {
  const auto n = static_cast<double>(r.folds.size());
  for (const double v : r.folds) r.mean += v / n;
  if (r.folds.size() < 2) return;
  for (const double v : r.folds) r.deviation += (v - r.mean) * (v - r.mean) / (n - 1.0);
  r.deviation = std::sqrt(r.deviation);
}

std::string percent(const TransferResult& r) {
  char text[48];
  std::snprintf(text, sizeof text, "%.2f (%.2f)", 100.0 * r.mean, 100.0 * r.deviation);
  return text;
}

class Transfer {
 public:
  Transfer(const TransferJob& job,
           const weights::Package& package,
           const LabelledSet& set,
           const explain::RunContext& context)
      : job_(job), package_(package), set_(set), context_(context), folder_(job.out) {
    if (set.classes.size() < 2)
      throw Error(ErrorKind::kInput, "classes in the data").expected("2 or more");
    layers_ = job.layers.empty() ? transfer_layers(package.model.graph) : job.layers;
    for (const std::int64_t n : job.per_class)
      for (std::int64_t k = 0; k < job.folds; ++k)
        folds_.push_back(fold_of(job, set, n, k, context.settings.seed));
  }

  std::vector<TransferResult> run() {
    const std::vector<FeatureTable> tables =
        extract_features(package_, set_, layers_, job_.batch, context_);
    folder_.open(explain::existing(false, job_.overwrite), {job_.data, job_.model});
    folder_.begin();
    write_features(tables);
    Progress progress(context_.observer, "classify",
                      static_cast<std::int64_t>(tables.size() * folds_.size()));
    for (const FeatureTable& table : tables) measure(table, progress);
    write_tables();
    write_page();
    explain::Manifest m =
        start_manifest(job_.model, weights::weights_hash(package_.model), package_, context_);
    const auto count = static_cast<std::int64_t>(set_.pictures.size());
    m.counts = {count, count, 0, 1};
    m.extra = {{"data", job_.data}, {"layers", layers_}, {"folds", job_.folds}, folder_.files()};
    explain::write_manifest(folder_.last(), m);
    folder_.end();
    return results_;
  }

 private:
  void measure(const FeatureTable& table, Progress& progress) {
    const auto width = static_cast<std::size_t>(table.width);
    for (std::size_t n = 0; n < job_.per_class.size(); ++n) {
      TransferResult svm{table.layer, "svm", job_.per_class[n], {}};
      TransferResult softmax{table.layer, "softmax", job_.per_class[n], {}};
      for (std::size_t k = 0; k < static_cast<std::size_t>(job_.folds); ++k) {
        throw_if_cancelled(context_.observer);
        const Fold& fold = folds_[n * static_cast<std::size_t>(job_.folds) + k];
        std::vector<float> rows;
        std::vector<std::int32_t> labels;
        rows.reserve(fold.train.size() * width);
        for (const std::int64_t i : fold.train) {
          const auto row = table.row(i);
          rows.insert(rows.end(), row.begin(), row.end());
          labels.push_back(set_.pictures[static_cast<std::size_t>(i)].label);
        }
        svm.folds.push_back(
            accuracy_of(LinearSvm(rows, table.width, labels, job_.cost), table, set_, fold));
        softmax.folds.push_back(
            accuracy_of(SoftmaxRegression(rows, table.width, labels,
                                          static_cast<std::int64_t>(set_.classes.size()),
                                          context_.settings.seed + k),
                        table, set_, fold));
        progress.add();
      }
      summarise(svm);
      summarise(softmax);
      results_.push_back(std::move(svm));
      results_.push_back(std::move(softmax));
    }
  }

  void write_features(const std::vector<FeatureTable>& tables) {
    for (const FeatureTable& table : tables) {
      const std::int64_t extents[]{static_cast<std::int64_t>(set_.pictures.size()), table.width};
      files::write_npy(folder_.claim("features/" + explain::file_word(table.layer) + ".npy"),
                       extents, table.values);
    }
    std::string csv = "file,label,class,split\n";
    for (const LabelledPicture& p : set_.pictures) {
      csv += explain::csv_field(p.name) + "," + std::to_string(p.label) + "," +
             explain::csv_field(set_.classes[static_cast<std::size_t>(p.label)]) + "," +
             to_string(p.split) + "\n";
    }
    files::write_file_atomically(folder_.claim("pictures.csv"), csv);
    std::string folds = "per_class,fold,use,picture\n";
    for (std::size_t f = 0; f < folds_.size(); ++f) {
      const std::size_t each = static_cast<std::size_t>(job_.folds);
      const std::string begin =
          std::to_string(job_.per_class[f / each]) + "," + std::to_string(f % each) + ",";
      for (const std::int64_t i : folds_[f].train)
        folds += begin + "train," + std::to_string(i) + "\n";
      for (const std::int64_t i : folds_[f].test)
        folds += begin + "test," + std::to_string(i) + "\n";
    }
    files::write_file_atomically(folder_.claim("folds.csv"), folds);
  }

  void write_tables() {
    std::string csv = "layer,classifier,per_class,fold,accuracy\n";
    for (const TransferResult& r : results_) {
      for (std::size_t k = 0; k < r.folds.size(); ++k) {
        csv += explain::csv_field(r.layer) + "," + r.classifier + "," +
               std::to_string(r.per_class) + "," + std::to_string(k) + "," +
               explain::csv_value(r.folds[k]) + "\n";
      }
    }
    files::write_file_atomically(folder_.claim("accuracy.csv"), csv);
  }

  void write_page() {
    explain::StudyPage page("Transfer of " + job_.model,
                            job_.data + ": " + std::to_string(set_.classes.size()) +
                                " classes, accuracies are means of the classes'");
    std::vector<std::string> head{"layer"};
    for (const std::int64_t n : job_.per_class) {
      head.push_back("SVM, " + std::to_string(n));
      head.push_back("softmax, " + std::to_string(n));
    }
    std::vector<std::vector<std::string>> rows;
    std::vector<explain::Chart> charts(2);
    std::vector<std::string> names;
    for (explain::Chart& chart : charts) {
      chart.x_label = "pictures a class";
      for (const std::int64_t n : job_.per_class) chart.x.push_back(static_cast<double>(n));
    }
    charts[0].title = "SVM, %";
    charts[1].title = "softmax, %";
    for (const TransferResult& r : results_) {
      if (rows.empty() || rows.back()[0] != r.layer) {
        rows.push_back({r.layer});
        names.push_back(r.layer);
        for (explain::Chart& chart : charts) chart.lines.emplace_back();
      }
      rows.back().push_back(percent(r));
      charts[r.classifier == "svm" ? 0 : 1].lines.back().push_back(100.0 * r.mean);
    }
    page.section("Accuracy by layer and by number of pictures",
                 "Percent; in brackets the standard deviation over " + std::to_string(job_.folds) +
                     " folds.");
    page.table(head, rows);
    page.charts({chart_svg(charts[0]), chart_svg(charts[1]), explain::legend_svg(names)}, "");
    files::write_file_atomically(folder_.claim("report.html"),
                                 page.html(context_.origin.argv, {{"cost of the SVM", job_.cost}}));
  }

  const TransferJob& job_;
  const weights::Package& package_;
  const LabelledSet& set_;
  const explain::RunContext& context_;
  explain::RunFolder folder_;
  std::vector<std::string> layers_;
  std::vector<Fold> folds_;  // of each number of pictures
  std::vector<TransferResult> results_;
};

}  // namespace

std::vector<TransferResult> run_transfer(const TransferJob& job,
                                         const weights::Package& package,
                                         const LabelledSet& set,
                                         const explain::RunContext& context) {
  return Transfer(job, package, set, context).run();
}

}  // namespace cutaway::training
