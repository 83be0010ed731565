#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "explain/runs/run_context.h"
#include "explain/training/data/labelled.h"
#include "weights/package.h"

namespace cutaway::training {

/// What `cutaway transfer` is to do.
struct TransferJob {
  std::string out, model, data;     ///< folder for the results; the others as the user names them
  std::vector<std::string> layers;  ///< empty: transfer_layers()
  std::vector<std::int64_t> per_class{15, 30};
  std::int64_t folds{5}, most_test{50}, batch{16};
  double cost{1.0};
  bool overwrite{false};
};

/// Accuracy of one classifier on one layer with so many pictures a class: mean of the classes'.
struct TransferResult {
  std::string layer, classifier;  ///< "svm", "softmax"
  std::int64_t per_class{0};
  std::vector<double> folds;
  double mean{0}, deviation{0};  ///< over the folds; deviation of a sample
};

/// How far a net's features carry over to other classes (Zeiler & Fergus 2014, tables 4 to 7): the
/// features of every picture once, then a linear SVM and a softmax on them. In each fold, per_class
/// training pictures a class are drawn anew; they are measured on the pictures of split test where
/// the data has it, else on up to most_test of the others a class. Writes features/LAYER.npy (rows
/// in the order of pictures.csv), folds.csv (which picture was in which fold), accuracy.csv,
/// report.html and manifest.json. Throws kUsage, kInput, Cancelled.
[[nodiscard]] std::vector<TransferResult> run_transfer(const TransferJob& job,
                                                       const weights::Package& package,
                                                       const LabelledSet& set,
                                                       const explain::RunContext& context);

}  // namespace cutaway::training
