#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "explain/runs/run_context.h"
#include "explain/training/data/labelled.h"
#include "layers/model.h"
#include "weights/preprocess.h"

namespace cutaway::training {

/// What a net says of one picture.
struct Verdict {
  std::int64_t picture{0};  ///< in the set
  std::int32_t label{0}, top{0};
  double probability{0};  ///< of `top`, in [0, 1]
  double loss{0};         ///< minus the logarithm of the label's probability
};

/// How a classifier does on labelled pictures.
struct Evaluation {
  std::vector<Verdict> verdicts;  ///< in the order of the pictures
  std::int64_t classes{0};
  double loss{0}, accuracy{0};          ///< means over the pictures
  double mean_class_accuracy{0};        ///< mean over the classes that have pictures
  std::vector<std::int64_t> confusion;  ///< classes x classes: row true, column said
  /// Pictures by the probability of their first class, in bins of 1/15 (Guo et al. 2017).
  struct Bin {
    std::int64_t count{0};
    double confidence{0}, accuracy{0};  ///< means
  };
  static constexpr std::size_t kBins = 15;
  std::array<Bin, kBins> bins{};
  double calibration_error{0};  ///< expected: mean of |accuracy - confidence|

  [[nodiscard]] std::int64_t confused(std::int64_t truth, std::int64_t said) const {
    return confusion[static_cast<std::size_t>(truth * classes + said)];
  }
};

/// Sums up verdicts.
[[nodiscard]] Evaluation summed_up(std::vector<Verdict> verdicts, std::int64_t classes);

/// Runs the net on pictures `pictures` of the set, as `rule` prepares them, `batch` at a time.
/// Progress is "evaluate". The same for any number of threads. Throws Cancelled when the observer
/// says so, and what reading a picture throws.
[[nodiscard]] Evaluation evaluate(const Model& model,
                                  const weights::Preprocess& rule,
                                  const LabelledSet& set,
                                  std::span<const std::int64_t> pictures,
                                  std::int64_t batch,
                                  const explain::RunContext& context);

/// Writes into `folder` predictions.csv (a line a picture), confusion.csv (a row a true class),
/// classes.csv (pictures and accuracy of each) and evaluation.json (the rest).
void write_evaluation(const Evaluation& evaluation,
                      const LabelledSet& set,
                      const std::string& folder);

}  // namespace cutaway::training
